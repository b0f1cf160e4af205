"""Sequence models beside GRU and LSTM, each as the plain step that it is.

    minGRU  z = sigmoid(W_z u + b_z);  h' = (1 - z) h + z g(W_h u + b_h)
            g(x) = x + 0.5, or sigmoid(x) below 0                   (Feng et al. 2024, arXiv 2410.01201)
    LRU     A = exp(-exp(nu) + i exp(theta)),  beta = sqrt(1 - |A|^2)
                                                                    (Orvieto et al. 2023, arXiv 2303.06349)
    S5      A = exp(Lambda Delta),  beta = (A - 1) / Lambda         (Smith et al. 2023, arXiv 2208.04933)
            both: s = W_in u;  x' = A x + beta B norm(s);  v = gelu(Re(C x') + D norm(s))
            output = s + (W_1 v) * sigmoid(W_2 v)
    FFM     e = (W_1 u) * sigmoid(W_2 u);  S' = exp(-|alpha|) exp(i omega) S + e 1^T
            z = W_3 [Re S', Im S'];  o = sigmoid(W_4 u);  output = norm(z) o + (W_5 u) (1 - o)
                                                                    (Morad et al. 2023, arXiv 2310.04128)
    GTrXL   attention over the last K rows of the episode, gated residuals
                                                                    (Parisotto et al. 2020, arXiv 1910.06764)

Complex memories are carried as their two parts. A memory is cleared by zeros before the step that begins an
episode. Names and shapes of the parameters are those of flax, so a matrix that is no layer multiplies from
the right.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

Carry = tuple[Tensor, ...]
NORM_EPS = 1e-6
CONTEXT, LONGEST = 4, 1024
GTRXL_HEADS, GATE_BIAS = 4, 2.0


class Norm(nn.Module):
    """Zero mean and unit variance over the last axis (Ba et al. 2016)."""

    def __init__(self, size: int):
        super().__init__()
        self.scale, self.bias = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return normed(x) * self.scale + self.bias


def normed(x: Tensor) -> Tensor:
    """Zero mean and unit variance over the last axis."""
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, correction=0) + NORM_EPS).sqrt()


class Recurrence(nn.Module):
    """``step(carry, u[B, I]) -> (carry, output[B, H])``; ``shapes`` are those of the carry's parts."""

    shapes: tuple[tuple[int, ...], ...]

    def step(self, carry: Carry, u: Tensor) -> tuple[Carry, Tensor]:
        raise NotImplementedError

    def draw(self) -> None:
        """Fresh values of the parameters that are no layer's kernels or biases."""


class MinGRU(Recurrence):
    def __init__(self, inputs: int, size: int):
        super().__init__()
        self.gate, self.candidate = nn.Linear(inputs, size), nn.Linear(inputs, size)
        self.shapes = ((size,),)

    def step(self, carry: Carry, u: Tensor) -> tuple[Carry, Tensor]:
        z, c = torch.sigmoid(self.gate(u)), self.candidate(u)
        h = (1 - z) * carry[0] + z * torch.where(c >= 0, c + 0.5, torch.sigmoid(c))
        return (h,), h


class Diagonal(Recurrence):
    """What LRU and S5 share."""

    def __init__(self, inputs: int, size: int):
        super().__init__()
        self.size, self.shapes = size, ((size,), (size,))
        self.input, self.norm = nn.Linear(inputs, size), Norm(size)
        self.gated, self.gate = nn.Linear(size, size), nn.Linear(size, size)
        for name in ("b_re", "b_im", "c_re", "c_im"):
            self.register_parameter(name, nn.Parameter(torch.zeros(size, size)))
        self.d = nn.Parameter(torch.zeros(size))

    def draw(self) -> None:
        for matrix in (self.b_re, self.b_im, self.c_re, self.c_im):
            nn.init.normal_(matrix, std=(2 * self.size) ** -0.5)
        nn.init.normal_(self.d)

    def diagonal(self) -> tuple[Tensor, Tensor]:
        """A and beta."""
        raise NotImplementedError

    def step(self, carry: Carry, u: Tensor) -> tuple[Carry, Tensor]:
        factor, beta = self.diagonal()
        s = self.input(u)
        n = self.norm(s)
        x = factor * torch.complex(*carry) + beta * torch.complex(n @ self.b_re, n @ self.b_im)
        y = x.real @ self.c_re - x.imag @ self.c_im + self.d * n
        v = gelu(y, approximate="tanh")
        return (x.real, x.imag), s + self.gated(v) * torch.sigmoid(self.gate(v))


class LRU(Diagonal):
    def __init__(self, inputs: int, size: int):
        super().__init__(inputs, size)
        self.nu, self.theta = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(size))

    def draw(self) -> None:
        super().draw()
        squared = torch.empty(self.size).uniform_(0.9**2, 0.999**2)
        self.nu.copy_((-0.5 * squared.log()).log())
        self.theta.copy_((2 * math.pi * torch.empty(self.size).uniform_(1e-4, 1)).log())

    def diagonal(self) -> tuple[Tensor, Tensor]:
        factor = torch.exp(torch.complex(-self.nu.exp(), self.theta.exp()))
        return factor, (1 - factor.abs().square()).sqrt()


class S5(Diagonal):
    def __init__(self, inputs: int, size: int):
        super().__init__(inputs, size)
        for name in ("lambda_re", "lambda_im", "log_step"):
            self.register_parameter(name, nn.Parameter(torch.zeros(size)))

    def draw(self) -> None:
        super().draw()
        p = (1 + 2 * torch.arange(2 * self.size, dtype=torch.float64)).sqrt()
        outer = torch.outer(p, p)
        skew = 0.5 * (outer.triu(1) - outer.tril(-1))
        self.lambda_re.fill_(-0.5)
        self.lambda_im.copy_(torch.linalg.eigvalsh(-1j * skew)[self.size :])
        self.log_step.uniform_(math.log(0.001), math.log(0.1))

    def diagonal(self) -> tuple[Tensor, Tensor]:
        rate = torch.complex(self.lambda_re.clamp(max=-1e-4), self.lambda_im)
        factor = torch.exp(rate * self.log_step.exp())
        return factor, (factor - 1) / rate


class FFM(Recurrence):
    def __init__(self, inputs: int, size: int):
        super().__init__()
        self.shapes = ((size, CONTEXT), (size, CONTEXT))
        self.enters, self.enters_gate = nn.Linear(inputs, size), nn.Linear(inputs, size)
        self.output_gate, self.skip = nn.Linear(inputs, size), nn.Linear(inputs, size)
        self.mix = nn.Linear(2 * size * CONTEXT, size)
        longest = math.log10(LONGEST)
        self.alpha = nn.Parameter(math.log(2) / torch.logspace(0, longest, size))
        self.omega = nn.Parameter(2 * math.pi / torch.logspace(math.log10(4), longest, CONTEXT))

    def step(self, carry: Carry, u: Tensor) -> tuple[Carry, Tensor]:
        entering = self.enters(u) * torch.sigmoid(self.enters_gate(u))
        decay = (-self.alpha.abs()).exp()[:, None].expand(-1, CONTEXT)
        factor = torch.polar(decay, self.omega.expand(len(self.alpha), -1))
        traces = factor * torch.complex(*carry) + entering[..., None]
        flat = traces.flatten(1)
        z = self.mix(torch.cat([flat.real, flat.imag], dim=-1))
        o = torch.sigmoid(self.output_gate(u))
        return (traces.real, traces.imag), normed(z) * o + self.skip(u) * (1 - o)


class Gate(nn.Module):
    """``(1 - z) x + z h``: r = sigmoid(W y + U x), z = sigmoid(W y + U x - b), h = tanh(W y + U (r * x))."""

    def __init__(self, size: int):
        super().__init__()
        for name in ("r_y", "r_x", "z_y", "z_x", "h_y", "h_x"):
            self.add_module(name, nn.Linear(size, size, bias=False))
        self.bias = nn.Parameter(torch.full((size,), GATE_BIAS))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        r = torch.sigmoid(self.r_y(y) + self.r_x(x))
        z = torch.sigmoid(self.z_y(y) + self.z_x(x) - self.bias)
        return (1 - z) * x + z * torch.tanh(self.h_y(y) + self.h_x(r * x))


class GTrXL(Recurrence):
    def __init__(self, inputs: int, size: int, window: int):
        super().__init__()
        self.size, self.window, self.shapes = size, window, ((window - 1, size), (window - 1,))
        self.input, self.hidden, self.output = (nn.Linear(n, size) for n in (inputs, size, size))
        for name in ("query", "key", "value", "lag", "mix"):
            self.add_module(name, nn.Linear(size, size, bias=False))
        self.content_bias, self.lag_bias = (nn.Parameter(torch.zeros(size)) for _ in range(2))
        self.norm_attention, self.norm_layers = Norm(size), Norm(size)
        self.gate_attention, self.gate_layers = Gate(size), Gate(size)

    def draw(self) -> None:
        for gate in (self.gate_attention, self.gate_layers):
            gate.bias.fill_(GATE_BIAS)
        for bias in (self.content_bias, self.lag_bias):
            bias.zero_()

    def step(self, carry: Carry, u: Tensor) -> tuple[Carry, Tensor]:
        before, held = carry
        x = self.input(u)
        row = self.norm_attention(x)
        seen = torch.cat([before, row[:, None]], dim=1)  # the oldest first, [B, K, H]
        held = torch.cat([held, held.new_ones(len(x), 1)], dim=1)
        x = self.gate_attention(x, torch.relu(self._attend(row, seen, held)))
        y = self.output(torch.relu(self.hidden(self.norm_layers(x))))
        return (seen[:, 1:], held[:, 1:]), self.gate_layers(x, torch.relu(y))

    def _attend(self, row: Tensor, seen: Tensor, held: Tensor) -> Tensor:
        heads = lambda x: x.unflatten(-1, (GTRXL_HEADS, -1))  # noqa: E731
        query, key, value = heads(self.query(row)), heads(self.key(seen)), heads(self.value(seen))
        rate = 10_000.0 ** (-torch.arange(0, self.size, 2, dtype=torch.float64) / self.size)
        angles = torch.arange(self.window - 1, -1, -1, dtype=torch.float64)[:, None] * rate
        lags = heads(self.lag(torch.cat([angles.sin(), angles.cos()], dim=1)[:, : self.size].to(row)))
        content = torch.einsum("bhd,bkhd->bhk", query + heads(self.content_bias), key)
        by_lag = torch.einsum("bhd,khd->bhk", query + heads(self.lag_bias), lags)
        scores = (content + by_lag) / math.sqrt(query.shape[-1])
        weights = scores.masked_fill(held[:, None] == 0, -math.inf).softmax(-1)
        return self.mix(torch.einsum("bhk,bkhd->bhd", weights, value).flatten(1))


class Stack(Recurrence):
    """Each reads what the one before says."""

    def __init__(self, layers: list[Recurrence]):
        super().__init__()
        for i, layer in enumerate(layers):
            self.add_module(f"layers_{i}", layer)
        self.shapes = tuple(shape for layer in layers for shape in layer.shapes)

    def step(self, carry: Carry, u: Tensor) -> tuple[Carry, Tensor]:
        after: Carry = ()
        for layer in self.children():
            assert isinstance(layer, Recurrence)
            number = len(layer.shapes)
            own, u = layer.step(carry[:number], u)
            after, carry = after + own, carry[number:]
        return after, u
