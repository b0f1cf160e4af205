"""Images: convolutions, and d-set selectors on the map of features that they make.

    f = ReLU(K * f + b), layer by layer             (Mnih et al. 2015: 32 8x8/4, 64 4x4/2, 64 3x3/1)
    manual     the features inside given boxes of the map
    static     A v_i for every region i with one learned A        (Suau et al. 2022, Section 4.3)
    dynamic    score_i = w . tanh(W1 v_i + W2 h),  a = softmax(score)    (Xu et al. 2015, Equations 4 and 5)
               per head  [sum_i a_i v_i, a]                              (Equation 6, and where it looked)

Maps are [..., Y, X, C], as everywhere in this project; torch's convolutions want [..., C, Y, X].
"""

import math

import torch
from torch import Tensor, nn

from iam_torch_ref.config import ConfigError, ModelConfig

CONVOLUTIONS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "vector": (),
    "atari": ((32, 8, 4), (64, 4, 2), (64, 3, 1)),
    "board": ((16, 3, 1),),  # Young and Tian 2019
}
"""Encoder -> (features, kernel, stride) of its layers."""


class Convolutions(nn.ModuleList):
    """Convolutional layers with ReLU, without padding: [N, C, Y, X] to [N, F, y, x]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.outputs = config.obs_shape
        for features, kernel, stride in CONVOLUTIONS[config.encoder]:
            rows, columns, channels = self.outputs
            self.append(nn.Conv2d(channels, features, kernel, stride))
            self.outputs = ((rows - kernel) // stride + 1, (columns - kernel) // stride + 1, features)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = torch.relu(layer(x))
        return x


class Encoder(nn.Module):
    """Observations [T, B, ...] as vectors [T, B, O] or, of images, as feature maps [T, B, Y, X, F]."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.is_vector = config.encoder == "vector"
        self.convolutions = Convolutions(config)
        self.outputs = (config.num_variables,) if self.is_vector else self.convolutions.outputs

    def forward(self, obs: Tensor, dtype: torch.dtype) -> Tensor:
        scale = 255 if obs.dtype == torch.uint8 else 1
        obs = obs.to(dtype) / scale
        if self.is_vector:
            return obs.flatten(2)
        steps, batch = obs.shape[:2]
        features = self.convolutions(obs.flatten(0, 1).movedim(-1, 1))
        return features.movedim(1, -1).unflatten(0, (steps, batch))


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
