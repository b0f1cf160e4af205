"""Wrappers: environments around environments, with the same contract.

Each handles the auto-reset inside the wrapped `step`: where an episode ended, the returned
observation belongs to the next episode, and ``info["final_observation"]`` to the last one.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.environment import Environment, Step, outcome
from envs_jax.wrapper_base import Wrapper


class FrameStackState(struct.PyTreeNode):
    """``frames``: the last N observations, newest first, along the last axis."""

    env_state: Any
    frames: jax.Array


class FrameStack(Wrapper):
    """The last ``num_frames`` observations along the last axis, newest first.

    At a reset the frames before the first observation are zero. What the inner environment calls its i-th
    variable remains the i-th, in its newest frame.

    Raises:
      ValueError: No frame is asked for, or observations are no arrays with an axis to join them along.
    """

    def __init__(self, env: Environment, num_frames: int):
        super().__init__(env)
        if num_frames < 1:
            raise ValueError(f"FrameStack needs at least 1 frame, not {num_frames}.")
        space = env.observation_space(env.default_params)
        if not isinstance(space, spaces.Box) or not space.shape:
            raise ValueError(
                f"FrameStack joins arrays, not {_words(space)}: put Vector around {env.name} first."
            )
        self._stacked = num_frames
        self.num_frames = num_frames * env.num_frames

    def observation_space(self, params: Any = None) -> spaces.Box:
        space = self._env.observation_space(params)
        shape = (*space.shape[:-1], space.shape[-1] * self._stacked)
        return spaces.Box(min(space.low, 0), max(space.high, 0), shape, space.dtype)

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[jax.Array, FrameStackState]:
        obs, env_state = self._env.reset(key, params)
        frames = self._start(obs)
        return frames, FrameStackState(env_state=env_state, frames=frames)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: FrameStackState, action: jax.Array, params: Any = None) -> Step:
        step = self._env.step(key, state.env_state, action, params)
        inner = outcome(self._env, step)
        final_frames = self._push(state.frames, inner.final_obs)
        frames = jnp.where(inner.first, self._start(inner.obs), final_frames)
        state = FrameStackState(env_state=inner.state, frames=frames)
        return _changed(step, frames, state, {"final_observation": final_frames})

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
    """Blanks the whole observation with a given probability at every step, resets included.

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
        if isinstance(space, spaces.Box) and self.probability:
            return spaces.Box(min(space.low, 0), max(space.high, 0), space.shape, space.dtype)
        return space

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[jax.Array, FlickerState]:
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
        return _changed(step, obs, state, {"final_observation": final_obs})

    def _blank(self, key: jax.Array, obs: jax.Array) -> jax.Array:
        return jnp.where(jax.random.bernoulli(key, self.probability), jnp.zeros_like(obs), obs)


class PreviousActionState(struct.PyTreeNode):
    """The wrapped environment's state alone."""

    env_state: Any


class PreviousAction(Wrapper):
    """Appends the action that led to an observation, one-hot, zero at a reset; for vectors.

    Raises:
      ValueError: Observations are no vectors, or actions are not discrete.
    """

    def __init__(self, env: Environment):
        super().__init__(env)
        space = env.observation_space(env.default_params)
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise ValueError(f"The previous action joins vector observations, not {_words(space)}.")
        actions = env.action_space(env.default_params)
        if not isinstance(actions, spaces.Discrete):
            raise ValueError(f"The previous action is one of n, and {env.name} acts in {_words(actions)}.")
        self.num_frames = 1  # what is appended belongs to no frame

    def observation_space(self, params: Any = None) -> spaces.Box:
        space = self._env.observation_space(params)
        size = space.shape[-1] + self._env.action_space(params).n
        return spaces.Box(min(space.low, 0), max(space.high, 1), (size,), space.dtype)

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[jax.Array, PreviousActionState]:
        obs, env_state = self._env.reset(key, params)
        none = jnp.zeros(self._env.action_space(params).n, obs.dtype)
        return jnp.concatenate([obs, none]), PreviousActionState(env_state=env_state)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: PreviousActionState, action: jax.Array, params: Any = None) -> Step:
        step = self._env.step(key, state.env_state, action, params)
        inner = outcome(self._env, step)
        taken = jax.nn.one_hot(action, self._env.action_space(params).n, dtype=inner.obs.dtype)
        kept = jnp.where(inner.first, jnp.zeros_like(taken), taken)
        state = PreviousActionState(env_state=inner.state)
        final_obs = jnp.concatenate([inner.final_obs, taken])
        return _changed(step, jnp.concatenate([inner.obs, kept]), state, {"final_observation": final_obs})


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
        step = self._env.step(key, state.env_state, action, params)
        inner = outcome(self._env, step)
        total, done = state.episode_return + inner.reward, inner.game_over
        length = state.episode_length + 1
        if inner.reset_step is not None:
            length -= inner.reset_step
        episode = {"return": total, "length": length, "ended": done & state.whole}
        state = EpisodeStatisticsState(
            env_state=inner.state,
            episode_return=jnp.where(done, 0.0, total),
            episode_length=jnp.where(done, 0, length),
            whole=state.whole | done,
        )
        return _changed(step, inner.obs, state, {"episode": episode})


class Vector(Wrapper):
    """Shows discrete observations one-hot and scalars as vectors of one, for networks and frame stacks.

    Raises:
      ValueError: Observations are neither; see `as_vector_space`.
    """

    def __init__(self, env: Environment):
        super().__init__(env)
        as_vector_space(env.observation_space(env.default_params))

    def inner_state(self, state: Any) -> Any:
        """The state itself: the wrapper has none of its own."""
        return state

    def observation_space(self, params: Any = None) -> spaces.Box:
        return as_vector_space(self._env.observation_space(params))

    def d_set(self, params: Any = None) -> tuple[int, ...] | None:
        """The places of all values of each variable in the d-set."""
        variables = self._env.d_set(params)
        if variables is None:
            return None
        sizes = _sizes(self._env.observation_space(params))
        ends = np.cumsum(sizes)
        return tuple(place for i in variables for place in range(int(ends[i]) - sizes[i], int(ends[i])))

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[jax.Array, Any]:
        obs, state = self._env.reset(key, params)
        return self._as_vector(obs, params), state

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Any = None) -> Step:
        step = self._env.step(key, state, action, params)
        inner = outcome(self._env, step)
        obs, final_obs = (self._as_vector(seen, params) for seen in (inner.obs, inner.final_obs))
        return _changed(step, obs, inner.state, {"final_observation": final_obs})

    def _as_vector(self, obs: jax.Array, params: Any) -> jax.Array:
        space = self._env.observation_space(params)
        if isinstance(space, spaces.Box):
            return obs[None]
        parts = zip(jnp.atleast_1d(obs), _sizes(space), strict=True)
        return jnp.concatenate([jax.nn.one_hot(part, size, dtype=jnp.float32) for part, size in parts])


def as_vector_space(space: Any) -> spaces.Box:
    """What `Vector` makes of an observation space.

    Args:
      space: `Discrete` or `MultiDiscrete`, whose values become one-hot and joined, or a `Box` of one number.

    Raises:
      ValueError: It is another space.
    """
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return spaces.Box(0.0, 1.0, (sum(_sizes(space)),))
    if isinstance(space, spaces.Box) and not space.shape:
        return spaces.Box(space.low, space.high, (1,), space.dtype)
    raise ValueError(f"Discrete observations and single numbers become vectors, not {_words(space)}.")


def _sizes(space: Any) -> tuple[int, ...]:
    """How many places of a vector each variable of a space takes."""
    if isinstance(space, spaces.MultiDiscrete):
        return space.sizes
    return (space.n,) if isinstance(space, spaces.Discrete) else (1,)


def _words(space: Any) -> str:
    """A space in words."""
    shape = f"of shape {space.shape}" if isinstance(space, spaces.Box) else "space"
    return f"a {type(space).__name__} {shape}"


def _changed(step: Step, obs: Any, state: Any, entries: dict[str, Any]) -> Step:
    """What a wrapper's step returns: another observation and state, and other entries of ``info``."""
    _, _, reward, terminated, truncated, info = step
    return obs, state, reward, terminated, truncated, info | entries
