"""Encoders of observations, and d-set selectors on the map of features that convolutions make.

    f = ReLU(K * f + b), layer by layer             (Mnih et al. 2015: 32 8x8/4, 64 4x4/2, 64 3x3/1)
    manual     the features inside given boxes of the map
    static     A v_i for every region i with one learned A        (Suau et al. 2022, Section 4.3)
    dynamic    score_i = w . tanh(W1 v_i + W2 h),  a = softmax(score)    (Xu et al. 2015, Equations 4 and 5)
               per head  [sum_i a_i v_i, a]                              (Equation 6, and where it looked)

Maps are [..., Y, X, C], as everywhere in this project; torch's convolutions want [..., C, Y, X].
"""

import math
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from iam_torch_ref.config import ConfigError, ModelConfig, Part

Observation: TypeAlias = Tensor | tuple[Tensor, ...]
"""One array, or the parts of a tree."""
LIMIT, EPS = 10.0, 1e-8
"""Of normalised numbers, and of variances."""

CONVOLUTIONS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "atari": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),
    "board": ((16, 3, 1),),  # Young and Tian 2019
}
"""Encoder -> (features, kernel, stride) of its layers."""


class Convolutions(nn.ModuleList):
    """Convolutional layers with ReLU, without padding: [N, C, Y, X] to [N, F, y, x]."""

    def __init__(self, encoder: str, shape: tuple[int, ...]):
        super().__init__()
        self.outputs = shape
        for features, kernel, stride in CONVOLUTIONS[encoder]:
            rows, columns, channels = self.outputs
            self.append(nn.Conv2d(channels, features, kernel, stride))
            self.outputs = ((rows - kernel) // stride + 1, (columns - kernel) // stride + 1, features)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = torch.relu(layer(x))
        return x


class Normalise(nn.Module):
    """Vectors with about zero mean and unit variance in each entry, between -10 and 10.

    n' = n + k,  mean' = mean + (mean_k - mean) k / n'                      (Chan et al. 1979)
    var' = (n var + k var_k) / n' + (mean_k - mean)^2 n k / n'^2
    """

    mean: Tensor
    var: Tensor
    count: Tensor

    def __init__(self, size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("var", torch.ones(size))
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.mean) / (self.var + EPS).sqrt()).clamp(-LIMIT, LIMIT)

    @torch.no_grad()
    def watch(self, x: Tensor) -> None:
        """Takes vectors [..., O] into the statistics."""
        self.mean, self.var, self.count = merged((self.mean, self.var, self.count), x.flatten(0, -2))


def merged(moments: tuple[Tensor, Tensor, Tensor], rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and count after ``rows``, [k, ...], too."""
    mean, var, count = moments
    k, total = len(rows), count + len(rows)
    shift = rows.mean(0) - mean
    within = (count * var + k * rows.var(0, correction=0)) / total
    return mean + shift * k / total, within + shift.square() * count * k / total.square(), total


class Encoder(nn.Module):
    """Observations [T, B, ...] as vectors [T, B, O] or, of one image, as a feature map [T, B, Y, X, F].

    Of several parts, which come as a tuple, the vectors and flattened maps are joined.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.parts = config.parts
        widths = []
        for part in self.parts:
            outputs: tuple[int, ...] = (sum(part.one_hot) or math.prod(part.shape),)
            if part.encoder != "vector":
                convolutions = Convolutions(part.encoder, part.shape)
                self.add_module(_name(part, "convolutions"), convolutions)
                outputs = convolutions.outputs
            elif part.normalise:
                self.add_module(_name(part, "normalise"), Normalise(outputs[0]))
            widths.append(outputs)
        self.outputs = widths[0] if len(widths) == 1 else (sum(map(math.prod, widths)),)

    def forward(self, obs: Observation, dtype: torch.dtype) -> Tensor:
        leaves = obs if isinstance(obs, tuple) else (obs,)
        encoded = [self._encode(part, x, dtype) for part, x in zip(self.parts, leaves, strict=True)]
        return encoded[0] if len(encoded) == 1 else torch.cat([x.flatten(2) for x in encoded], dim=-1)

    def watch(self, obs: Observation, dtype: torch.dtype) -> None:
        """Takes observations [T, B, ...] into the running statistics."""
        leaves = obs if isinstance(obs, tuple) else (obs,)
        for part, x in zip(self.parts, leaves, strict=True):
            if part.normalise:
                self.get_submodule(_name(part, "normalise")).watch(_vector(part, x.to(dtype)))

    def _encode(self, part: Part, obs: Tensor, dtype: torch.dtype) -> Tensor:
        if part.one_hot:
            entries = obs.flatten(2).long().unbind(-1) if part.shape else (obs.long(),)
            hot = [one_hot(x, size) for x, size in zip(entries, part.one_hot, strict=True)]
            return torch.cat(hot, dim=-1).to(dtype)
        obs = obs.to(dtype) / (255 if obs.dtype == torch.uint8 else 1)
        if part.encoder == "vector":
            vector = _vector(part, obs)
            return self.get_submodule(_name(part, "normalise"))(vector) if part.normalise else vector
        steps, batch = obs.shape[:2]
        features = self.get_submodule(_name(part, "convolutions"))(obs.flatten(0, 1).movedim(-1, 1))
        return features.movedim(1, -1).unflatten(0, (steps, batch))


def _vector(part: Part, x: Tensor) -> Tensor:
    return x.flatten(2) if part.shape else x[..., None]


def _name(part: Part, what: str) -> str:
    return f"{part.name.replace('/', '_')}_{what}" if part.name else what


class Boxes(nn.Module):
    """Given boxes of the map: row, column, height, width of each."""

    def __init__(self, boxes: tuple[tuple[int, int, int, int], ...], shape: tuple[int, ...]):
        super().__init__()
        rows, columns, channels = shape
        inside = [r >= 0 and c >= 0 and r + y <= rows and c + x <= columns for r, c, y, x in boxes]
        if not boxes or not all(inside):
            raise ConfigError(
                f"A manual d-set needs boxes inside its {rows}x{columns} feature map, not {boxes}."
            )
        self.boxes = boxes
        self.outputs = sum(height * width for *_, height, width in boxes) * channels

    def forward(self, features: Tensor, h: Tensor) -> Tensor:
        return torch.cat([features[:, r : r + y, c : c + x].flatten(1) for r, c, y, x in self.boxes], dim=-1)


class Static(nn.ModuleList):
    """A learned linear map without bias, the same for every region."""

    def __init__(self, shape: tuple[int, ...], size: int):
        super().__init__([nn.Linear(shape[-1], size, bias=False)])
        self.outputs = math.prod(shape[:-1]) * size

    def forward(self, features: Tensor, h: Tensor) -> Tensor:
        return self[0](features).flatten(1)


class Attention(nn.Module):
    """Spatial attention, asked by the memory: per head what it saw, and where."""

    def __init__(self, shape: tuple[int, ...], memory: int, heads: int, units: int):
        super().__init__()
        rows, columns, channels = shape
        self.observation = nn.Linear(channels, heads * units)
        self.memory = nn.Linear(memory, heads * units, bias=False)
        self.score = nn.Parameter(torch.empty(heads, units))
        self.outputs = heads * (channels + rows * columns)

    def forward(self, features: Tensor, h: Tensor) -> Tensor:
        regions = features.flatten(1, 2)
        mixed = torch.tanh(self.observation(regions) + self.memory(h)[:, None])
        mixed = mixed.unflatten(-1, self.score.shape)
        weights = torch.einsum("brhu,hu->bhr", mixed, self.score).softmax(-1)
        looked = torch.einsum("bhr,brc->bhc", weights, regions)
        return torch.cat([looked, weights], dim=-1).flatten(1)
