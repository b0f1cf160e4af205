"""One model on both sides: the same random weights, inputs, memory and resets."""

import dataclasses
from functools import cached_property
from typing import Any

import jax
import numpy as np
import torch

from envs_jax import spaces
from iam_jax.config import ModelConfig as JaxModelConfig
from iam_jax.config import network
from iam_jax.model_config import CELLS
from iam_jax.models.make import make_model
from iam_torch_ref.bridge import of_model
from iam_torch_ref.config import ModelConfig
from iam_torch_ref.convert import from_flax, load
from iam_torch_ref.model import ActorCritic

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
"""Dtype -> how far apart two results may be, relative to the largest value."""
GRADIENT_TOLERANCE = {"float64": 1e-12, "float32": 1e-4}
"""The same for gradients: those of attention over similar regions are small differences of large numbers."""
T, B, A = 7, 5, 4
_BOARD = spaces.Box(-np.inf, np.inf, (6, 5, 3))
OBSERVATIONS: dict[str, spaces.Space] = {
    "vector": spaces.Box(-np.inf, np.inf, (12,)),
    "bytes": spaces.Box(0, 255, (3, 4), np.uint8),
    "board": _BOARD,
    "pixels": spaces.Box(0, 255, (52, 44, 2), np.uint8),
    "tree": spaces.Dict(
        {
            "board": _BOARD,
            "kind": spaces.MultiDiscrete((3, 2)),
            "one": spaces.Box(-np.inf, np.inf, ()),
            "speed": spaces.Box(-np.inf, np.inf, (4,)),
        }
    ),
}
"""What is observed; vector and bytes are read as vectors, board and pixels by convolutions."""
ACTIONS: dict[str, spaces.Space] = {
    "discrete": spaces.Discrete(A),
    "masked": spaces.Discrete(A),
    "multi": spaces.MultiDiscrete((3, 2)),
    "clipped": spaces.Box(-1.0, 1.5, (2,)),
    "squashed": spaces.Box(-1.0, 1.5, (2,)),
}
SIZES: dict[str, Any] = {
    "fc": (8, 7),
    "hidden": 6,
    "joint": (5,),
    "d_set_indices": (0, 3, 11),
    "d_set_boxes": ((0, 0, 2, 1), (1, 1, 1, 1)),
    "d_set_size": 4,
    "heads": 2,
    "attention_units": 3,
    "activation": "tanh",
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One cell of model x d-set x cell x encoder x policy."""

    architecture: str
    d_set: str = "identity"
    cell: str = "gru"
    observation: str = "vector"
    actions: str = "discrete"
    normalise: bool = False
    layers: int = 1

    def __str__(self) -> str:
        parts = {"iam": (self.d_set, self.cell), "rnn": (self.cell,), "fnn": ()}[self.architecture]
        deep = [f"{self.layers} layers"] * (self.layers > 1)
        others = deep + [self.actions] * (self.actions != "discrete") + ["normalised"] * self.normalise
        return "-".join((self.architecture, *parts, self.observation, *others))

    @property
    def network(self) -> JaxModelConfig:
        chosen = {
            "d_set": self.d_set,
            "cell": self.cell,
            "layers": self.layers,
            "window": 4,
            "hidden": 8 if self.cell == "gtrxl" else SIZES["hidden"],
            "normalise_observations": self.normalise,
            "squash_actions": self.actions == "squashed",
        }
        return network(self.architecture, SIZES | chosen)


_MODELS = (
    *(("iam", d, c) for d in ("manual", "static", "dynamic", "identity") for c in ("gru", "lstm")),
    ("rnn", "identity", "gru"),
    ("rnn", "identity", "lstm"),
    ("fnn", "identity", "gru"),
)
_PLAIN = ("vector", "bytes", "board", "pixels")
_POLICIES = [actions for actions in ACTIONS if actions != "discrete"]
CASES = (
    *(Case(*model, observation) for observation in _PLAIN for model in _MODELS),
    *(Case(*model, "tree", normalise=True) for model in _MODELS),
    *(Case("iam", "manual", cell) for cell in CELLS[2:]),
    *(Case("rnn", cell=cell, layers=2) for cell in CELLS),
    *(Case("iam", "manual", "gru", actions=actions, normalise=True) for actions in _POLICIES),
    *(Case("fnn", actions=actions) for actions in _POLICIES),
)


@dataclasses.dataclass(frozen=True)
class Pair:
    """A case in JAX and in PyTorch.

    Attributes:
      case: Which model.
      dtype: "float64" or "float32".
      device: Of the PyTorch side.
    """

    case: Case
    dtype: str = "float64"
    device: str = "cpu"

    @cached_property
    def jax_model(self) -> Any:
        return make_model(self.case.network, OBSERVATIONS[self.case.observation], ACTIONS[self.case.actions])

    @cached_property
    def params(self) -> dict[str, Any]:
        """Flax parameters with every entry random, biases too, as NumPy arrays."""
        first = np.ones((1, B), bool)
        carry = self.jax_model.initial_carry(B)
        obs = jax.tree.map(lambda x: x[:1], self.obs)
        shapes = jax.eval_shape(self.jax_model.init, jax.random.key(0), carry, obs, first)
        draw = np.random.default_rng(1)
        scale = {0: 0.4, 1: 0.4, 2: 0.4, 3: 0.4, 4: 0.03}  # convolutions sum over many inputs

        def number(path: Any, x: Any) -> np.ndarray:
            drawn = draw.normal(0, scale[x.ndim], x.shape)
            if path[-1].key in ("var", "count"):
                drawn = np.abs(drawn) + 0.5
            if path[-1].key == "lambda_re":  # what explodes is cut off
                drawn = -np.abs(drawn)
            return drawn.astype(self.dtype)

        return jax.tree_util.tree_map_with_path(number, shapes)

    @cached_property
    def torch_model(self) -> ActorCritic:
        return to_torch(of_model(self.jax_model), self.params, self.dtype, self.device)

    @cached_property
    def obs(self) -> Any:
        """A tree of arrays [T, B, ...]."""
        draw = np.random.default_rng(2)

        def values(space: Any) -> np.ndarray:
            shape = (T, B, *space.shape)
            if isinstance(space, spaces.MultiDiscrete):
                return draw.integers(0, space.sizes, shape, np.int32)
            if space.dtype == np.uint8:
                return draw.integers(0, 256, shape, np.uint8)
            return draw.normal(size=shape).astype(space.dtype)

        return jax.tree.map(values, spaces.tree(OBSERVATIONS[self.case.observation]))

    @cached_property
    def action(self) -> np.ndarray:
        """What the policy did, [T, B, ...]."""
        draw = np.random.default_rng(7)
        space: Any = ACTIONS[self.case.actions]
        if isinstance(space, spaces.Box):
            return draw.normal(0, 1.5, (T, B, *space.shape)).astype(self.dtype)
        sizes = np.array(space.sizes) if isinstance(space, spaces.MultiDiscrete) else A
        return draw.integers(0, sizes, (T, B, *space.shape))

    @cached_property
    def legal(self) -> np.ndarray | None:
        """What it could do, bool[T, B, A], the action among it; None where everything."""
        if self.case.actions != "masked":
            return None
        legal = np.random.default_rng(8).random((T, B, A)) < 0.5
        np.put_along_axis(legal, self.action[..., None], True, axis=-1)
        return legal

    @cached_property
    def first(self) -> np.ndarray:
        """Resets at the beginning, in the middle, twice in a row, and never, bool[T, B]."""
        first = np.zeros((T, B), bool)
        first[0, 1] = first[3, 0] = first[3, 2] = first[4, 2] = first[T - 1, 3] = True
        return first

    @cached_property
    def carry(self) -> tuple[np.ndarray, ...]:
        """Memory that is not zero, one array [B, H] per part."""
        draw = np.random.default_rng(3)
        shapes = [part.shape for part in self.jax_model.initial_carry(B)]
        parts = [draw.normal(0, 0.7, shape).astype(self.dtype) for shape in shapes]
        if self.case.cell == "gtrxl":  # every other part says what is held, by 0 and 1
            parts[1::2] = [(part > 0).astype(self.dtype) for part in parts[1::2]]
        return tuple(parts)

    def tensor(self, x: Any) -> Any:
        """A NumPy array on the PyTorch side, floats in the case's dtype; of a dict a tuple of its parts."""
        if isinstance(x, dict):
            return tuple(map(self.tensor, jax.tree.leaves(x)))
        return to_tensor(x, self.dtype, self.device)


def to_torch(config: ModelConfig, params: Any, dtype: str, device: str) -> ActorCritic:
    """The PyTorch model with these flax parameters."""
    model = ActorCritic(config).to(device, getattr(torch, dtype))
    load(model, from_flax(params))
    return model


def to_tensor(x: Any, dtype: str, device: str) -> torch.Tensor:
    """An array as a tensor; floats in ``dtype``."""
    tensor = torch.from_numpy(np.array(x)).to(device)
    return tensor.to(getattr(torch, dtype)) if tensor.is_floating_point() else tensor


def difference(ours: Any, theirs: Any) -> float:
    """Largest absolute difference of any array in two trees, relative to that array's largest value.

    Infinite where a number is not finite.
    """
    ours, theirs = jax.tree.map(_numpy, (ours, theirs))
    return max(jax.tree.leaves(jax.tree.map(_relative, ours, theirs)), default=0.0)


def _numpy(x: Any) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)


def _relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.shape != theirs.shape:
        raise ValueError(f"One side has shape {ours.shape}, the other {theirs.shape}.")
    if not ours.size:
        return 0.0
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return float("inf")
    scale = np.abs(ours).max()
    return float(np.abs(ours - theirs).max() / (scale if scale > 0 else 1.0))


def precision(dtype: str) -> Any:
    """Context in which JAX computes in ``dtype``."""
    return jax.enable_x64(dtype == "float64")
