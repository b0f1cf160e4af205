"""Wrappers: environments around environments, with the same contract.

Each handles the auto-reset inside the wrapped `step`: where an episode ended, the returned
observation belongs to the next episode, and ``info["final_observation"]`` to the last one.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from envs_jax import spaces
from envs_jax.environment import Step, begins_episode, ends_episode


class Wrapper:
    """Passes everything it does not change on to the wrapped environment.

    A wrapper with a state of its own keeps the inner one in ``state.env_state``. `reset` and `step` are
    the wrapper's; the hooks below them (`step_env`, `observe`, `is_truncated` ...) stay the inner
    environment's and take its state.
    """

    def __init__(self, env: Any):
        self._env = env

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_env":
            raise AttributeError(name)
        attribute = getattr(self._env, name)
        if name in ("hidden", "render"):  # they take a state: the inner environment's
            return lambda state, *args: attribute(_inner(state), *args)
        if name == "policies":
            return lambda: {key: _on_inner_state(policy) for key, policy in attribute().items()}
        return attribute


class FrameStackState(struct.PyTreeNode):
    """``frames``: the last N observations, newest first, along the last axis."""

    env_state: Any
    frames: jax.Array


class FrameStack(Wrapper):
    """The last ``num_frames`` observations along the last axis, newest first.

    At a reset the frames before the first observation are zero.
    """

    def __init__(self, env: Any, num_frames: int):
        super().__init__(env)
        if num_frames < 1:
            raise ValueError(f"FrameStack needs at least 1 frame, not {num_frames}.")
        self.num_frames = num_frames

    def observation_space(self, params: Any) -> Any:
        space = self._env.observation_space(params)
        shape = (*space.shape[:-1], space.shape[-1] * self.num_frames)
        low, high = _bounds(space)
        return spaces.Box(min(low, 0), max(high, 0), shape, space.dtype)

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[jax.Array, FrameStackState]:
        obs, env_state = self._env.reset(key, params)
        frames = self._start(obs)
        return frames, FrameStackState(env_state=env_state, frames=frames)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: FrameStackState, action: jax.Array, params: Any = None) -> Step:
        obs, env_state, reward, terminated, truncated, info = self._env.step(
            key, state.env_state, action, params
        )
        final_frames = self._push(state.frames, info["final_observation"])
        begins = begins_episode(info, terminated | truncated)
        frames = jnp.where(begins, self._start(obs), final_frames)
        state = FrameStackState(env_state=env_state, frames=frames)
        info = info | {"final_observation": final_frames}
        return frames, state, reward, terminated, truncated, info

    def _start(self, obs: jax.Array) -> jax.Array:
        older = [(0, 0)] * (obs.ndim - 1) + [(0, obs.shape[-1] * (self.num_frames - 1))]
        return jnp.pad(obs, older)

    def _push(self, frames: jax.Array, obs: jax.Array) -> jax.Array:
        return jnp.concatenate([obs, frames[..., : -obs.shape[-1]]], -1)


class FlickerState(struct.PyTreeNode):
    """``key``: source of the next blanking decisions."""

    env_state: Any
    key: jax.Array


class Flicker(Wrapper):
    """Blanks the whole observation with a given probability at every step, resets included.

    Hausknecht and Stone 2015, "Deep recurrent Q-learning for partially observable MDPs".
    """

    def __init__(self, env: Any, probability: float = 0.5):
        super().__init__(env)
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"The flicker probability must lie in [0, 1], not {probability}.")
        self.probability = probability

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[jax.Array, FlickerState]:
        key_env, key_blank, key = jax.random.split(key, 3)
        obs, env_state = self._env.reset(key_env, params)
        return self._blank(key_blank, obs), FlickerState(env_state=env_state, key=key)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: FlickerState, action: jax.Array, params: Any = None) -> Step:
        obs, env_state, reward, terminated, truncated, info = self._env.step(
            key, state.env_state, action, params
        )
        key_blank, next_key = jax.random.split(state.key)
        # One draw serves both: they are the same observation unless the episode ended.
        info = info | {"final_observation": self._blank(key_blank, info["final_observation"])}
        state = FlickerState(env_state=env_state, key=next_key)
        return self._blank(key_blank, obs), state, reward, terminated, truncated, info

    def _blank(self, key: jax.Array, obs: jax.Array) -> jax.Array:
        return jnp.where(jax.random.bernoulli(key, self.probability), jnp.zeros_like(obs), obs)


class PreviousActionState(struct.PyTreeNode):
    """The wrapped environment's state alone."""

    env_state: Any


class PreviousAction(Wrapper):
    """Appends the action that led to an observation, one-hot, zero at a reset; for vectors."""

    def __init__(self, env: Any):
        super().__init__(env)
        shape = env.observation_space(env.default_params).shape
        if len(shape) != 1:
            raise ValueError(f"The previous action joins vector observations, not arrays of shape {shape}.")

    def observation_space(self, params: Any) -> Any:
        space = self._env.observation_space(params)
        size = space.shape[-1] + self._env.action_space(params).n
        low, high = _bounds(space)
        return spaces.Box(min(low, 0), max(high, 1), (size,), space.dtype)

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[jax.Array, PreviousActionState]:
        obs, env_state = self._env.reset(key, params)
        none = jnp.zeros(self._env.action_space(params).n, obs.dtype)
        return jnp.concatenate([obs, none]), PreviousActionState(env_state=env_state)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: PreviousActionState, action: jax.Array, params: Any = None) -> Step:
        obs, env_state, reward, terminated, truncated, info = self._env.step(
            key, state.env_state, action, params
        )
        taken = jax.nn.one_hot(action, self._env.action_space(params).n, dtype=obs.dtype)
        kept = jnp.where(begins_episode(info, terminated | truncated), jnp.zeros_like(taken), taken)
        info = info | {"final_observation": jnp.concatenate([info["final_observation"], taken])}
        state = PreviousActionState(env_state=env_state)
        return jnp.concatenate([obs, kept]), state, reward, terminated, truncated, info


class EpisodeStatisticsState(struct.PyTreeNode):
    """Running sums of the present episode.

    Attributes:
      episode_return: Undiscounted rewards so far, float32[].
      episode_length: Steps so far, int32[].
      whole: Whether the sums cover the episode from its first step, bool[].
    """

    env_state: Any
    episode_return: jax.Array
    episode_length: jax.Array
    whole: jax.Array


class EpisodeStatistics(Wrapper):
    """Adds ``info["episode"]``: return, length, and whether a whole episode ended in this step."""

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, EpisodeStatisticsState]:
        obs, env_state = self._env.reset(key, params)
        return obs, EpisodeStatisticsState(
            env_state=env_state,
            episode_return=jnp.float32(0),
            episode_length=jnp.int32(0),
            whole=jnp.array(True),
        )

    @partial(jax.jit, static_argnames=("self",))
    def step(
        self, key: jax.Array, state: EpisodeStatisticsState, action: jax.Array, params: Any = None
    ) -> Step:
        obs, env_state, reward, terminated, truncated, info = self._env.step(
            key, state.env_state, action, params
        )
        done = ends_episode(info, terminated, truncated)
        total = state.episode_return + reward
        length = state.episode_length + 1 - info.get("reset_step", jnp.array(False))
        episode = {"return": total, "length": length, "ended": done & state.whole}
        state = EpisodeStatisticsState(
            env_state=env_state,
            episode_return=jnp.where(done, 0.0, total),
            episode_length=jnp.where(done, 0, length),
            whole=state.whole | done,
        )
        return obs, state, reward, terminated, truncated, info | {"episode": episode}


def _inner(state: Any) -> Any:
    return getattr(state, "env_state", state)


def _on_inner_state(policy: Any) -> Any:
    return lambda key, state, params: policy(key, _inner(state), params)


def _bounds(space: Any) -> tuple[float, float]:
    """The lowest and the highest value of any entry."""
    return float(jnp.min(jnp.asarray(space.low))), float(jnp.max(jnp.asarray(space.high)))
