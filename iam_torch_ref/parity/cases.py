"""One model on both sides: the same random weights, inputs, memory and resets."""

import dataclasses
from functools import cached_property
from typing import Any

import jax
import numpy as np
import torch

from envs_jax.spaces import Box, Discrete
from iam_jax.config import ModelConfig as JaxModelConfig
from iam_jax.config import network
from iam_jax.models.actor_critic import make_model
from iam_torch_ref.config import ModelConfig, from_dict
from iam_torch_ref.convert import from_flax, load
from iam_torch_ref.model import ActorCritic

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
"""Dtype -> how far apart two results may be, relative to the largest value."""
GRADIENT_TOLERANCE = {"float64": 1e-12, "float32": 1e-4}
"""The same for gradients: those of attention over similar regions are small differences of large numbers."""
T, B, A = 7, 5, 4
OBSERVATIONS: dict[str, tuple[tuple[int, ...], Any]] = {
    "vector": ((12,), np.float32),
    "bytes": ((3, 4), np.uint8),
    "board": ((6, 5, 3), np.float32),
    "pixels": ((52, 44, 2), np.uint8),
}
"""What is observed -> shape and dtype; the first two are read as vectors, the others by convolutions."""
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
    """One cell of model x d-set x cell x encoder."""

    architecture: str
    d_set: str = "identity"
    cell: str = "gru"
    observation: str = "vector"

    def __str__(self) -> str:
        parts = {"iam": (self.d_set, self.cell), "rnn": (self.cell,), "fnn": ()}[self.architecture]
        return "-".join((self.architecture, *parts, self.observation))

    @property
    def network(self) -> JaxModelConfig:
        return network(self.architecture, SIZES | {"d_set": self.d_set, "cell": self.cell})


_MODELS = (
    *(("iam", d, c) for d in ("manual", "static", "dynamic", "identity") for c in ("gru", "lstm")),
    ("rnn", "identity", "gru"),
    ("rnn", "identity", "lstm"),
    ("fnn", "identity", "gru"),
)
CASES = tuple(Case(*model, observation) for observation in OBSERVATIONS for model in _MODELS)


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
        return make_model(
            self.case.network, Box(-np.inf, np.inf, *OBSERVATIONS[self.case.observation]), Discrete(A)
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one observation."""
        return OBSERVATIONS[self.case.observation][0]

    @cached_property
    def params(self) -> dict[str, Any]:
        """Flax parameters with every entry random, biases too, as NumPy arrays."""
        first = np.ones((1, B), bool)
        carry = self.jax_model.initial_carry(B)
        shapes = jax.eval_shape(self.jax_model.init, jax.random.key(0), carry, self.obs[:1], first)
        draw = np.random.default_rng(1)
        scale = {1: 0.4, 2: 0.4, 3: 0.4, 4: 0.03}  # convolutions sum over many inputs
        return jax.tree.map(lambda x: draw.normal(0, scale[x.ndim], x.shape).astype(self.dtype), shapes)

    @cached_property
    def torch_model(self) -> ActorCritic:
        known = dataclasses.asdict(self.jax_model.config)
        config = from_dict(
            ModelConfig, known, architecture=self.case.architecture, obs_shape=self.shape, num_actions=A
        )
        return to_torch(config, self.params, self.dtype, self.device)

    @cached_property
    def obs(self) -> np.ndarray:
        shape, dtype = OBSERVATIONS[self.case.observation]
        draw = np.random.default_rng(2)
        if dtype == np.uint8:
            return draw.integers(0, 256, (T, B, *shape), dtype)
        return draw.normal(size=(T, B, *shape)).astype(dtype)

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
        return tuple(draw.normal(0, 0.7, shape).astype(self.dtype) for shape in shapes)

    def tensor(self, x: Any) -> torch.Tensor:
        """A NumPy array on the PyTorch side, floats in the case's dtype."""
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
