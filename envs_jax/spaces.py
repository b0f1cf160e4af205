"""Action and observation spaces: a shape, a dtype, bounds, and how to sample."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class Discrete:
    """The integers ``0 .. n - 1``."""

    n: int
    dtype: Any = jnp.int32

    @property
    def shape(self) -> tuple[int, ...]:
        return ()

    def sample(self, key: jax.Array) -> jax.Array:
        """One element, uniformly."""
        return jax.random.randint(key, (), 0, self.n, self.dtype)

    def contains(self, x: Any) -> jax.Array:
        """Whether ``x`` lies in the space, bool[]."""
        x = jnp.asarray(x)
        return (x >= 0) & (x < self.n)


@dataclasses.dataclass(frozen=True)
class Box:
    """Arrays of one shape with every value between two scalar bounds, both included."""

    low: float
    high: float
    shape: tuple[int, ...]
    dtype: Any = jnp.float32

    def sample(self, key: jax.Array) -> jax.Array:
        """One element, uniformly; integers include both bounds."""
        if jnp.issubdtype(self.dtype, jnp.floating):
            return jax.random.uniform(key, self.shape, self.dtype, self.low, self.high)
        draw = jax.random.randint(key, self.shape, int(self.low), int(self.high) + 1)
        return draw.astype(self.dtype)

    def contains(self, x: Any) -> jax.Array:
        """Whether ``x`` lies in the space, bool[]; False for another shape."""
        if np.shape(x) != self.shape:
            return jnp.array(False)
        x = jnp.asarray(x)
        return jnp.all((x >= self.low) & (x <= self.high))
