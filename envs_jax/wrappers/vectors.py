"""Wrappers that change what observations are made of."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.environment import Environment, Step, outcome
from envs_jax.spaces import variable_of
from envs_jax.wrappers.base import Shown, Wrapper, changed


class Vector(Shown):
    """Shows discrete observations one-hot and single numbers as vectors of one; of a tree, every such part.

    Networks read discrete observations as they are. This is for frame stacks and blank observations, which
    need arrays in which zero means nothing.
    """

    def observation_space(self, params: Any = None) -> spaces.Space:
        return spaces.map_leaves(as_array_space, self._env.observation_space(params))

    def d_set(self, params: Any = None) -> tuple[int | str, ...] | None:
        """The places of all values of each entry in the d-set."""
        named, space = self._env.d_set(params), self._env.observation_space(params)
        if named is None:
            return None
        sizes = [size for _, leaf in spaces.leaves(space) for size in leaf.encoded_sizes]
        ends = np.cumsum(sizes)
        found: list[int | str] = []
        for entry in (variable_of(entry, space) for entry in named):
            found += (
                [entry]
                if isinstance(entry, str)
                else range(int(ends[entry]) - sizes[entry], int(ends[entry]))
            )
        return tuple(found)

    def show(self, obs: Any, params: Any) -> Any:
        def as_array(space: Any, x: jax.Array) -> jax.Array:
            if isinstance(space, spaces.Box):
                return x if space.shape else x[None]
            return space.encode(x)

        return jax.tree.map(as_array, spaces.tree(self._env.observation_space(params)), obs)


def as_array_space(space: Any) -> spaces.Box:
    """What `Vector` makes of the space of a single array."""
    if isinstance(space, spaces.Box):
        return space if space.shape else spaces.Box(space.low, space.high, (1,), space.dtype)
    return spaces.Box(0.0, 1.0, (sum(space.encoded_sizes),))


class Observe(Shown):
    """Shows only some entries of a vector, as in the partially observable forms of control tasks.

    Args:
      env: Its observations are vectors.
      indices: Of the entries that are shown, in this order.

    Raises:
      ValueError: Observations are no vectors, or there is no such entry.
    """

    def __init__(self, env: Environment, indices: tuple[int, ...]):
        super().__init__(env)
        space = env.observation_space(env.default_params)
        if not _is_vector(space):
            raise ValueError(f"observe chooses entries of a vector, not of {spaces.words(space)}")
        size = space.shape[0]
        chosen = indices if isinstance(indices, tuple) else (indices,)
        if not chosen or not all(isinstance(i, int) and 0 <= i < size for i in chosen):
            raise ValueError(f"observe must be indices from 0 to {size - 1}, such as (0,), not {indices!r}")
        self._indices = chosen

    def observation_space(self, params: Any = None) -> spaces.Box:
        space = self._env.observation_space(params)
        return spaces.Box(space.low, space.high, (len(self._indices),), space.dtype)

    def d_set(self, params: Any = None) -> tuple[int | str, ...] | None:
        """Those of the inner environment's that are shown."""
        named = self._env.d_set(params)
        return named and tuple(self._indices.index(i) for i in named if i in self._indices)

    def show(self, obs: jax.Array, params: Any) -> jax.Array:
        return obs[jnp.array(self._indices)]


class PreviousActionState(struct.PyTreeNode):
    """The wrapped environment's state alone."""

    env_state: Any


class PreviousAction(Wrapper):
    """Shows beside an observation the action that led to it, as its space encodes it, zero at a reset.

    It is appended to a vector; any other observation becomes a pair of itself and the action.
    """

    def __init__(self, env: Environment):
        super().__init__(env)
        self.num_frames = 1  # what is appended belongs to no frame

    def observation_space(self, params: Any = None) -> spaces.Space:
        space, size = self._env.observation_space(params), self._size(params)
        low, high = self._bounds(params)
        if _is_vector(space):
            shape = (space.shape[-1] + size,)
            return spaces.Box(min(space.low, low), max(space.high, high), shape, space.dtype)
        return spaces.Tuple((space, spaces.Box(low, high, (size,))))

    def d_set(self, params: Any = None) -> tuple[int | str, ...] | None:
        named, space = self._env.d_set(params), self._env.observation_space(params)
        if named is None or _is_vector(space):
            return named
        entries = (variable_of(entry, space) for entry in named)
        return tuple(entry if isinstance(entry, int) else f"0/{entry}" if entry else "0" for entry in entries)

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, PreviousActionState]:
        obs, env_state = self._env.reset(key, params)
        return self._joined(obs, jnp.zeros(self._size(params)), params), PreviousActionState(env_state)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: PreviousActionState, action: jax.Array, params: Any = None) -> Step:
        step = self._env.step(key, state.env_state, action, params)
        inner = outcome(self._env, step)
        taken = self._env.action_space(params).encode(action)
        kept = jnp.where(inner.first, jnp.zeros_like(taken), taken)
        obs, final_obs = self._joined(inner.obs, kept, params), self._joined(inner.final_obs, taken, params)
        return changed(step, obs, PreviousActionState(inner.state), {"final_observation": final_obs})

    def _joined(self, obs: Any, action: jax.Array, params: Any) -> Any:
        if _is_vector(self._env.observation_space(params)):
            return jnp.concatenate([obs, action.astype(obs.dtype)])
        return obs, action

    def _size(self, params: Any) -> int:
        return sum(self._env.action_space(params).encoded_sizes)

    def _bounds(self, params: Any) -> tuple[float, float]:
        space = self._env.action_space(params)
        return (min(space.low, 0), max(space.high, 0)) if isinstance(space, spaces.Box) else (0, 1)


def _is_vector(space: Any) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == 1
