"""Influence-aware memory (Suau et al. 2022, Section 4) and its baselines.

    x_t = F_fnn(o_t)                            everything that need not be remembered
    d_t = F_rnn(d_{t-1}, D(o_t))                the memory reads the d-set alone
    pi(.|x_t, d_t), V(x_t, d_t)                 two linear heads on [x_t, d_t]

    GRU   r, z = sigmoid(W x + U h + b)         (Cho et al. 2014, Equations 5 and 6)
          n = tanh(W x + b + r * (U h + b_h))   (their 8, with r behind the product)
          h' = (1 - z) * n + z * h              (their 7)
    LSTM  i, f, g, o = W x + U h + b            (Hochreiter and Schmidhuber 1997; Gers et al. 2000)
          c' = sigmoid(f + forget_bias) * c + sigmoid(i) * tanh(g),  h' = sigmoid(o) * tanh(c')

The d-set selector D is one of: *manual*, given variables; *static*, A o with A learned; *dynamic*,
per head  a = softmax(W3 tanh(W1 o + W2 h))  and  sum_i a_i o_i  (after Xu et al. 2015, Equations 4
to 6); *identity*, all of o. Of images, o_t is the map of features that convolutions make of them
(`iam_torch_ref.maps`), and both paths read it. The baseline *rnn* puts F_fnn before the cell, and
*fnn* has no memory.

Shapes: T time, B environments, O variables, H memory, A actions. The cells are written out, not
torch.nn's: those hold two biases per gate, which Adam moves twice as far as one.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from iam_torch_ref import maps
from iam_torch_ref.config import ConfigError, ModelConfig
from iam_torch_ref.policies import policy_for
from iam_torch_ref.recurrences import FFM, LRU, S5, Carry, GTrXL, MinGRU, Recurrence, Stack

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "tanh": torch.tanh}


class MLP(nn.ModuleList):
    """Linear layers, each followed by the activation. No layers: the input itself."""

    def __init__(self, inputs: int, sizes: tuple[int, ...], config: ModelConfig):
        widths = (inputs, *sizes)
        super().__init__(nn.Linear(i, o, config.bias) for i, o in zip(widths, sizes, strict=False))
        self.activation = ACTIVATIONS[config.activation]
        self.outputs = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = self.activation(layer(x))
        return x


class GRU(Recurrence):
    """Gate order r, z, n. Its carry is ``(h,)``."""

    def __init__(self, inputs: int, size: int):
        super().__init__()
        self.input = nn.Linear(inputs, 3 * size)
        self.recurrent = nn.Linear(size, 3 * size, bias=False)
        self.candidate_bias = nn.Parameter(torch.zeros(size))
        self.shapes = ((size,),)

    def step(self, carry: Carry, u: Tensor) -> tuple[Carry, Tensor]:
        carry = self(carry, u)
        return carry, carry[0]

    def forward(self, carry: Carry, x: Tensor) -> Carry:
        (h,) = carry
        x_r, x_z, x_n = self.input(x).chunk(3, dim=-1)
        h_r, h_z, h_n = self.recurrent(h).chunk(3, dim=-1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * (h_n + self.candidate_bias))
        return ((1 - z) * n + z * h,)


class LSTM(Recurrence):
    """Gate order i, f, g, o. Its carry is ``(h, c)``."""

    def __init__(self, inputs: int, size: int, forget_bias: float):
        super().__init__()
        self.input = nn.Linear(inputs, 4 * size)
        self.recurrent = nn.Linear(size, 4 * size, bias=False)
        self.forget_bias, self.shapes = forget_bias, ((size,), (size,))

    def step(self, carry: Carry, u: Tensor) -> tuple[Carry, Tensor]:
        carry = self(carry, u)
        return carry, carry[0]

    def forward(self, carry: Carry, x: Tensor) -> Carry:
        h, c = carry
        i, f, g, o = (self.input(x) + self.recurrent(h)).chunk(4, dim=-1)
        c = torch.sigmoid(f + self.forget_bias) * c + torch.sigmoid(i) * torch.tanh(g)
        return (torch.sigmoid(o) * torch.tanh(c), c)


class Manual(nn.Module):
    """Given variables of the observation."""

    def __init__(self, indices: tuple[int, ...]):
        super().__init__()
        self.indices = list(indices)
        self.outputs = len(indices)

    def forward(self, obs: Tensor, h: Tensor) -> Tensor:
        return obs[..., self.indices]


class Static(nn.ModuleList):
    """A learned linear map of the observation, without bias."""

    def __init__(self, shape: tuple[int, ...], size: int):
        super().__init__([nn.Linear(shape[0], size, bias=False)])
        self.outputs = size

    def forward(self, obs: Tensor, h: Tensor) -> Tensor:
        return self[0](obs)


class Dynamic(nn.Module):
    """Attention over the observation's variables, asked by the memory: one number per head."""

    def __init__(self, shape: tuple[int, ...], memory: int, heads: int, units: int):
        super().__init__()
        (num_variables,) = shape
        self.observation = nn.Linear(num_variables, heads * units)
        self.memory = nn.Linear(memory, heads * units, bias=False)
        self.score = nn.Parameter(torch.empty(heads, units, num_variables))
        self.outputs = heads

    def forward(self, obs: Tensor, h: Tensor) -> Tensor:
        mixed = torch.tanh(self.observation(obs) + self.memory(h))
        heads, units, _ = self.score.shape
        scores = torch.einsum("bhu,huo->bho", mixed.view(-1, heads, units), self.score)
        return torch.einsum("bho,bo->bh", scores.softmax(-1), obs)


class Identity(nn.Module):
    """The whole observation, or the whole feature map."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.outputs = math.prod(shape)

    def forward(self, obs: Tensor, h: Tensor) -> Tensor:
        return obs.flatten(1)


class Memory(nn.Module):
    """``d_t = cell(d_{t-1}, D(o_t))``, with ``d_{t-1}`` cleared where an episode begins."""

    def __init__(self, selector: nn.Module, cell: Recurrence):
        super().__init__()
        self.selector, self.cell = selector, cell

    def forward(self, carry: Carry, obs: Tensor, first: Tensor) -> tuple[Carry, Tensor]:
        """The carry after ``obs[T, B, O]``, and the memory's output at every step, [T, B, H]."""
        outputs = []
        for o, start in zip(obs, first, strict=True):
            carry = tuple(part * ~start.view(-1, *[1] * (part.dim() - 1)) for part in carry)
            carry, output = self.cell.step(carry, self.selector(o, carry[0]))
            outputs.append(output)
        return carry, torch.stack(outputs)


class Heads(nn.Module):
    """Optional joint layers, then one linear head for the policy and one for the value."""

    def __init__(self, inputs: int, config: ModelConfig):
        super().__init__()
        self.joint = MLP(inputs, config.joint, config)
        self.policy = nn.Linear(self.joint.outputs, config.num_actions, config.bias)
        self.value = nn.Linear(self.joint.outputs, 1)
        free = policy_for(config).free
        self.log_std = nn.Parameter(torch.zeros(free)) if free else None

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        features = self.joint(features)
        outputs = self.policy(features)
        if self.log_std is not None:
            outputs = torch.cat([outputs, self.log_std.expand(*outputs.shape[:-1], -1)], dim=-1)
        return outputs, self.value(features)[..., 0]


class ActorCritic(nn.Module):
    """``(carry, obs[T, B, ...], first[T, B]) -> (carry, outputs[T, B, K], value[T, B])``.

    Its ``policy`` says what the outputs mean; for one of A actions they are the logits. Observations of
    several parts are tuples.

    Raises:
      ConfigError: A manual d-set has no indices, or one that reaches past O.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config, self.policy = config, policy_for(config)
        self.encoder = maps.Encoder(config)
        self.fc = MLP(math.prod(self.encoder.outputs), config.fc, config)
        features = self.fc.outputs
        if config.architecture == "rnn":
            self.memory = Memory(Identity((features,)), _cell(features, config))
            features = config.hidden
        elif config.architecture == "iam":
            selector = _selector(config, self.encoder.outputs)
            self.memory = Memory(selector, _cell(selector.outputs, config))
            features += config.hidden
        self.heads = Heads(features, config)

    def initial_carry(self, batch: int) -> Carry:
        """Zero memory: ``(h,)``, ``(h, c)`` or, of fnn, ``()``."""
        if self.config.architecture == "fnn":
            return ()
        like = self.heads.value.weight
        return tuple(like.new_zeros(batch, *shape) for shape in self.memory.cell.shapes)

    def watch(self, obs: maps.Observation) -> None:
        """Takes observations [T, B, ...] into the running statistics, if there are any."""
        self.encoder.watch(obs, self.heads.value.weight.dtype)

    def forward(self, carry: Carry, obs: maps.Observation, first: Tensor) -> tuple[Carry, Tensor, Tensor]:
        obs = self.encoder(obs, self.heads.value.weight.dtype)
        features = self.fc(obs.flatten(2))
        if self.config.architecture == "rnn":
            carry, features = self.memory(carry, features, first)
        elif self.config.architecture == "iam":
            carry, memory = self.memory(carry, obs, first)
            features = torch.cat([features, memory], dim=-1)
        return carry, *self.heads(features)


def _cell(inputs: int, config: ModelConfig) -> Recurrence:
    widths = [inputs, *[config.hidden] * (config.layers - 1)]
    layers = [_layer(width, config) for width in widths]
    return layers[0] if len(layers) == 1 else Stack(layers)


def _layer(inputs: int, config: ModelConfig) -> Recurrence:
    if config.cell == "lstm":
        return LSTM(inputs, config.hidden, config.forget_bias)
    if config.cell == "gtrxl":
        return GTrXL(inputs, config.hidden, config.window)
    known = {"gru": GRU, "mingru": MinGRU, "lru": LRU, "s5": S5, "ffm": FFM}
    if config.cell not in known:
        raise ConfigError(
            f"The PyTorch reference has no cell {config.cell!r}, but lstm, gtrxl, {', '.join(known)}."
        )
    return known[config.cell](inputs, config.hidden)


def _selector(config: ModelConfig, shape: tuple[int, ...]) -> nn.Module:
    on_map = len(shape) == 3
    if config.d_set == "manual" and on_map:
        return maps.Boxes(config.d_set_boxes or (), shape)
    if config.d_set == "manual":
        indices = config.d_set_indices or ()
        if not indices or not all(0 <= i < shape[0] for i in indices):
            raise ConfigError(f"A manual d-set needs indices from 0 to {shape[0] - 1}, not {list(indices)}.")
        return Manual(indices)
    if config.d_set == "static":
        return (maps.Static if on_map else Static)(shape, config.d_set_size)
    if config.d_set == "dynamic":
        attention = maps.Attention if on_map else Dynamic
        return attention(shape, config.hidden, config.heads, config.attention_units)
    return Identity(shape)
