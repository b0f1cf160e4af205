"""Action and observation spaces: a shape, a dtype, bounds, how to sample, and what belongs to them."""

import dataclasses
from collections.abc import Mapping
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
        return (x >= 0) & (x < self.n) if x.shape == () else jnp.array(False)


@dataclasses.dataclass(frozen=True)
class MultiDiscrete:
    """Vectors of integers, the i-th of them in ``0 .. sizes[i] - 1``."""

    sizes: tuple[int, ...]
    dtype: Any = jnp.int32

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.sizes),)

    def sample(self, key: jax.Array) -> jax.Array:
        """One element, uniformly."""
        return jax.random.randint(key, self.shape, 0, jnp.array(self.sizes), self.dtype)

    def contains(self, x: Any) -> jax.Array:
        """Whether ``x`` lies in the space, bool[]."""
        if np.shape(x) != self.shape:
            return jnp.array(False)
        return jnp.all((jnp.asarray(x) >= 0) & (jnp.asarray(x) < jnp.array(self.sizes)))


@dataclasses.dataclass(frozen=True)
class Box:
    """Arrays of one shape with every value between two scalar bounds, both included."""

    low: float
    high: float
    shape: tuple[int, ...]
    dtype: Any = jnp.float32

    def sample(self, key: jax.Array) -> jax.Array:
        """One element, uniformly; integers include both bounds. Unbounded sides are sampled up to 1e6."""
        if jnp.issubdtype(self.dtype, jnp.floating):
            low, high = max(self.low, -1e6), min(self.high, 1e6)
            return jax.random.uniform(key, self.shape, self.dtype, low, high)
        draw = jax.random.randint(key, self.shape, int(self.low), int(self.high) + 1)
        return draw.astype(self.dtype)

    def contains(self, x: Any) -> jax.Array:
        """Whether ``x`` lies in the space, bool[]; False for another shape, and for NaN."""
        if np.shape(x) != self.shape:
            return jnp.array(False)
        x = jnp.asarray(x)
        return jnp.all((x >= self.low) & (x <= self.high))


@dataclasses.dataclass(frozen=True)
class Tuple:
    """Tuples with one element of each space."""

    spaces: tuple[Any, ...]

    def sample(self, key: jax.Array) -> tuple[Any, ...]:
        """One element, uniformly."""
        keys = jax.random.split(key, len(self.spaces))
        return tuple(space.sample(k) for space, k in zip(self.spaces, keys, strict=True))

    def contains(self, x: Any) -> jax.Array:
        """Whether ``x`` lies in the space, bool[]."""
        if not isinstance(x, tuple) or len(x) != len(self.spaces):
            return jnp.array(False)
        return jnp.all(jnp.array([space.contains(part) for space, part in zip(self.spaces, x, strict=True)]))


@dataclasses.dataclass(frozen=True)
class Dict:
    """Dictionaries with one element of each named space."""

    spaces: Mapping[str, Any]

    def sample(self, key: jax.Array) -> dict[str, Any]:
        """One element, uniformly."""
        keys = jax.random.split(key, len(self.spaces))
        return {name: space.sample(k) for (name, space), k in zip(self.spaces.items(), keys, strict=True)}

    def contains(self, x: Any) -> jax.Array:
        """Whether ``x`` lies in the space, bool[]."""
        if not isinstance(x, Mapping) or set(x) != set(self.spaces):
            return jnp.array(False)
        return jnp.all(jnp.array([space.contains(x[name]) for name, space in self.spaces.items()]))


Space = Discrete | MultiDiscrete | Box | Tuple | Dict
