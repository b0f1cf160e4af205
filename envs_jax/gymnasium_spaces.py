"""Spaces of gymnasium as ours, and ours as gymnasium's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium import spaces as theirs

from envs_jax import spaces


class NoCounterpart(ValueError):
    """A space that ours cannot express."""


def from_gymnasium(space: Any) -> spaces.Space:
    """A space of gymnasium's as ours: floats have 32 bits, and bounds of single entries become those of all.

    Raises:
      NoCounterpart: There is none.
    """
    if isinstance(space, theirs.Discrete):
        if space.start:
            raise NoCounterpart(f"numbers that begin at {space.start} instead of 0 are not supported")
        return spaces.Discrete(int(space.n))
    if isinstance(space, theirs.MultiDiscrete) and space.nvec.ndim == 1:
        return spaces.MultiDiscrete(tuple(map(int, space.nvec)))
    if isinstance(space, theirs.MultiBinary):
        return spaces.Box(0, 1, tuple(space.shape), jnp.int8)
    if isinstance(space, theirs.Box):
        is_float = np.issubdtype(space.dtype, np.floating)
        dtype = jnp.float32 if is_float else jax.dtypes.canonicalize_dtype(space.dtype)
        return spaces.Box(float(space.low.min()), float(space.high.max()), tuple(space.shape), dtype)
    if isinstance(space, theirs.Tuple):
        return spaces.Tuple(tuple(map(from_gymnasium, space.spaces)))
    if isinstance(space, theirs.Dict):
        return spaces.Dict({name: from_gymnasium(part) for name, part in space.spaces.items()})
    raise NoCounterpart(f"observations or actions of the kind {type(space).__name__} are not supported")


def to_gymnasium(space: Any) -> Any:
    """A space of ours as gymnasium's."""
    if isinstance(space, spaces.Discrete):
        return theirs.Discrete(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return theirs.MultiDiscrete(list(space.sizes))
    if isinstance(space, spaces.Box):
        return theirs.Box(space.low, space.high, space.shape, np.dtype(space.dtype))
    if isinstance(space, spaces.Tuple):
        return theirs.Tuple(tuple(map(to_gymnasium, space.spaces)))
    return theirs.Dict({name: to_gymnasium(part) for name, part in space.spaces.items()})
