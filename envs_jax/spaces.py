"""Action and observation spaces: a shape, a dtype, bounds, how to sample, what belongs to them, and how a
network reads a value.

``encode`` shows one value to a network as a float vector of ``encoded_sizes`` numbers: for each entry of the
value (a variable) so many. Integers with a meaning of their own become one-hot, numbers stay what they are.
"""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
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

    def sample(self, key: jax.Array, legal: jax.Array | None = None) -> jax.Array:
        """One element, uniformly; with ``legal``, bool[n], of those alone."""
        if legal is None:
            return jax.random.randint(key, (), 0, self.n, self.dtype)
        return jax.random.categorical(key, jnp.where(legal, 0.0, -jnp.inf)).astype(self.dtype)

    def contains(self, x: Any) -> jax.Array:
        """Whether ``x`` lies in the space, bool[]."""
        x = jnp.asarray(x)
        return (x >= 0) & (x < self.n) if x.shape == () else jnp.array(False)

    @property
    def encoded_sizes(self) -> tuple[int, ...]:
        return (self.n,)

    def encode(self, x: jax.Array) -> jax.Array:
        """One-hot, float32[n]."""
        return jax.nn.one_hot(x, self.n, dtype=jnp.float32)


@dataclasses.dataclass(frozen=True)
class MultiDiscrete:
    """Vectors of integers, the i-th of them in ``0 .. sizes[i] - 1``."""

    sizes: tuple[int, ...]
    dtype: Any = jnp.int32

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.sizes),)

    def sample(self, key: jax.Array, legal: jax.Array | None = None) -> jax.Array:
        """One element, uniformly; with ``legal``, bool[sum(sizes)], of those alone."""
        if legal is None:
            return jax.random.randint(key, self.shape, 0, jnp.array(self.sizes), self.dtype)
        parts = jnp.split(legal, np.cumsum(self.sizes)[:-1])
        keys = jax.random.split(key, len(parts))
        choices = [Discrete(len(part)).sample(k, part) for k, part in zip(keys, parts, strict=True)]
        return jnp.stack(choices).astype(self.dtype)

    def contains(self, x: Any) -> jax.Array:
        """Whether ``x`` lies in the space, bool[]."""
        if np.shape(x) != self.shape:
            return jnp.array(False)
        return jnp.all((jnp.asarray(x) >= 0) & (jnp.asarray(x) < jnp.array(self.sizes)))

    @property
    def encoded_sizes(self) -> tuple[int, ...]:
        return self.sizes

    def encode(self, x: jax.Array) -> jax.Array:
        """One-hot of each, joined, float32[sum(sizes)]."""
        parts = [jax.nn.one_hot(x[i], size, dtype=jnp.float32) for i, size in enumerate(self.sizes)]
        return jnp.concatenate(parts)


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

    @property
    def encoded_sizes(self) -> tuple[int, ...]:
        return (1,) * math.prod(self.shape)

    def encode(self, x: jax.Array) -> jax.Array:
        """Its numbers in a row, float[size]; bytes from 0 to 1."""
        return as_float(x).reshape(-1)


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


def as_float(x: jax.Array) -> jax.Array:
    """Numbers as a network reads them: bytes from 0 to 1, what is a float as it is."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        return x
    return x.astype(float) / (255 if x.dtype == jnp.uint8 else 1)


def tree(space: Space) -> Any:
    """A space as a tree like its values: tuples and dicts, with spaces of single arrays as leaves."""
    if isinstance(space, Tuple):
        return tuple(map(tree, space.spaces))
    if isinstance(space, Dict):
        return {name: tree(part) for name, part in space.spaces.items()}
    return space


def leaves(space: Space) -> Iterator[tuple[str, Any]]:
    """Name and space of every array of a value, in the order of `jax.tree.leaves`.

    A name is the path to it, such as ``camera/left`` or, of the second part of a tuple, ``1``; the name of a
    single array is empty.
    """
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree(space))[0]:
        yield jax.tree_util.keystr(path, simple=True, separator="/"), leaf


def map_leaves(function: Any, space: Space) -> Space:
    """The space with every space of a single array changed by a function."""
    if isinstance(space, Tuple):
        return Tuple(tuple(map_leaves(function, part) for part in space.spaces))
    if isinstance(space, Dict):
        return Dict({name: map_leaves(function, part) for name, part in space.spaces.items()})
    return function(space)


def zeros(space: Space, before: tuple[int, ...] = ()) -> Any:
    """A value of the space's shapes and dtypes, of zeros; with axes ``before`` those of one, many values."""
    return jax.tree.map(lambda leaf: jnp.zeros((*before, *leaf.shape), leaf.dtype), tree(space))


_ENTRY = re.compile(r"(.*)\[(\d+)\]")


def split_name(name: str) -> tuple[str, int | None]:
    """The part that ``velocity[1]`` names, and which entry of it; of ``velocity`` None, for all of it."""
    match = _ENTRY.fullmatch(name)
    return (match[1], int(match[2])) if match else (name, None)


def variable_of(name: int | str, space: Space) -> int | str:
    """An entry of an observation as its number, all parts in a row: ``velocity[1]`` is one, and so is 5.

    The name of a whole part stays a name.

    Raises:
      ValueError: There is no such part or entry.
    """
    if isinstance(name, int):
        return name
    path, index = split_name(name)
    before = 0
    for part, leaf in leaves(space):
        size = len(leaf.encoded_sizes)
        if part == path:
            if index is not None and index >= size:
                raise ValueError(f"There is no {name!r}: {path or 'the observation'} has {size} entries.")
            return name if index is None else before + index
        before += size
    known = ", ".join(part for part, _ in leaves(space) if part) or "one array without a name"
    raise ValueError(f"There is no {name!r}: the parts of the observation are {known}.")


def words(space: Any) -> str:
    """A space in words."""
    shape = f"of shape {space.shape}" if isinstance(space, Box) else "space"
    return f"a {type(space).__name__} {shape}"
