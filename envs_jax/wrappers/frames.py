"""Wrappers of time: the last observations at once, and observations that are missing."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from envs_jax import spaces
from envs_jax.environment import Environment, Step, outcome
from envs_jax.spaces import variable_of
from envs_jax.wrappers.base import Wrapper, changed


class FrameStackState(struct.PyTreeNode):
    """``frames``: the last N observations, newest first, along the last axis of each part."""

    env_state: Any
    frames: Any


class FrameStack(Wrapper):
    """The last ``num_frames`` observations along the last axis, newest first; of a tree, of every part.

    At a reset the frames before the first observation are zero. What the inner environment calls an entry of
    the observation remains that entry, in its newest frame.

    Raises:
      ValueError: No frame is asked for, or a part is no array with an axis to join it along.
    """

    def __init__(self, env: Environment, num_frames: int):
        super().__init__(env)
        if num_frames < 1:
            raise ValueError(f"FrameStack needs at least 1 frame, not {num_frames}.")
        for _, space in spaces.leaves(env.observation_space(env.default_params)):
            if not isinstance(space, spaces.Box) or not space.shape:
                raise ValueError(
                    f"FrameStack joins arrays, not {spaces.words(space)}: put Vector around {env.name} first."
                )
        self._stacked = num_frames
        self.num_frames = num_frames * env.num_frames

    def observation_space(self, params: Any = None) -> spaces.Space:
        def stacked(space: spaces.Box) -> spaces.Box:
            shape = (*space.shape[:-1], space.shape[-1] * self._stacked)
            return spaces.Box(min(space.low, 0), max(space.high, 0), shape, space.dtype)

        return spaces.map_leaves(stacked, self._env.observation_space(params))

    def d_set(self, params: Any = None) -> tuple[int | str, ...] | None:
        """The same entries; those of the parts before are more now."""
        named, space = self._env.d_set(params), self._env.observation_space(params)
        if named is None or isinstance(space, spaces.Box):
            return named
        sizes = [len(leaf.encoded_sizes) for _, leaf in spaces.leaves(space)]

        def moved(entry: int | str) -> int | str:
            if isinstance(entry := variable_of(entry, space), str):
                return entry
            before = 0
            for size in sizes:
                if entry < before + size:
                    break
                before += size
            return entry + before * (self._stacked - 1)

        return tuple(map(moved, named))

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, FrameStackState]:
        obs, env_state = self._env.reset(key, params)
        frames = jax.tree.map(self._start, obs)
        return frames, FrameStackState(env_state=env_state, frames=frames)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: FrameStackState, action: jax.Array, params: Any = None) -> Step:
        step = self._env.step(key, state.env_state, action, params)
        inner = outcome(self._env, step)
        final_frames = jax.tree.map(self._push, state.frames, inner.final_obs)
        frames = jax.tree.map(
            lambda obs, final: jnp.where(inner.first, self._start(obs), final), inner.obs, final_frames
        )
        state = FrameStackState(env_state=inner.state, frames=frames)
        return changed(step, frames, state, {"final_observation": final_frames})

    def _start(self, obs: jax.Array) -> jax.Array:
        older = [(0, 0)] * (obs.ndim - 1) + [(0, obs.shape[-1] * (self._stacked - 1))]
        return jnp.pad(obs, older)

    def _push(self, frames: jax.Array, obs: jax.Array) -> jax.Array:
        return jnp.concatenate([obs, frames[..., : -obs.shape[-1]]], -1)


class FlickerState(struct.PyTreeNode):
    """``key``: source of the next blanking decisions."""

    env_state: Any
    key: jax.Array


class Flicker(Wrapper):
    """Blanks the whole observation, all its parts at once, with a given probability at every step.

    Resets are steps, too.

    Hausknecht and Stone 2015, "Deep recurrent Q-learning for partially observable MDPs".

    Raises:
      ValueError: The probability is none.
    """

    def __init__(self, env: Environment, probability: float = 0.5):
        super().__init__(env)
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"The flicker probability must lie in [0, 1], not {probability}.")
        self.probability = probability

    def observation_space(self, params: Any = None) -> Any:
        """The inner one; a blank observation is zero, which a box's bounds then include."""
        space = self._env.observation_space(params)
        return spaces.map_leaves(_with_zero, space) if self.probability else space

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, FlickerState]:
        key_env, key_blank, key = jax.random.split(key, 3)
        obs, env_state = self._env.reset(key_env, params)
        return self._blank(key_blank, obs), FlickerState(env_state=env_state, key=key)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: FlickerState, action: jax.Array, params: Any = None) -> Step:
        step = self._env.step(key, state.env_state, action, params)
        inner = outcome(self._env, step)
        key_blank, next_key = jax.random.split(state.key)
        # One draw serves both: they are the same observation unless the episode ended.
        obs, final_obs = self._blank(key_blank, inner.obs), self._blank(key_blank, inner.final_obs)
        state = FlickerState(env_state=inner.state, key=next_key)
        return changed(step, obs, state, {"final_observation": final_obs})

    def _blank(self, key: jax.Array, obs: Any) -> Any:
        blank = jax.random.bernoulli(key, self.probability)
        return jax.tree.map(lambda x: jnp.where(blank, jnp.zeros_like(x), x), obs)


def _with_zero(space: Any) -> Any:
    if isinstance(space, spaces.Box):
        return spaces.Box(min(space.low, 0), max(space.high, 0), space.shape, space.dtype)
    return space
