"""Returns and lengths of episodes."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from envs_jax.environment import Step, outcome
from envs_jax.wrappers.base import Wrapper, changed


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
        return changed(step, inner.obs, state, {"episode": episode})
