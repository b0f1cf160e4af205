"""The environment contract: gymnax 1.0's, kept structurally and without importing gymnax.

An environment object holds only static choices (names, shapes); everything that varies lives in
the state and in the params, so one object serves any number of vmapped copies. Rules live in pure
functions beside it (``dynamics.py``), with the randomness passed in.
"""

from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import struct

Tree = TypeVar("Tree")
Step = tuple[Any, Any, jax.Array, jax.Array, jax.Array, dict[str, Any]]
"""Observation, state, reward f32[], terminated bool[], truncated bool[], info."""


def begins_episode(info: dict[str, Any], done: jax.Array) -> jax.Array:
    """Whether the observation that `Environment.step` returned is the first of an episode, bool[].

    Args:
      info: What `step` returned.
      done: ``terminated | truncated`` of the same step.
    """
    return info.get("reset_step", done)


def ends_episode(info: dict[str, Any], terminated: jax.Array, truncated: jax.Array) -> jax.Array:
    """Whether a game ended with this step, which a lost life alone does not, bool[]."""
    return info.get("game_over", terminated) | truncated


class EnvState(struct.PyTreeNode):
    """State of one environment. ``time``: steps since the reset, int32[]."""

    time: jax.Array


class EnvParams(struct.PyTreeNode):
    """Numbers of one environment. ``max_steps_in_episode``: the time limit."""

    max_steps_in_episode: int = 1


def select(condition: jax.Array, if_true: Tree, if_false: Tree) -> Tree:
    """`jnp.where` on every leaf of two trees, for a scalar condition."""
    return jax.tree.map(partial(jax.lax.select, condition), if_true, if_false)


class Environment:
    """One environment without batch dimension; `jax.vmap` over keys, states and actions adds it.

    Subclasses define `step_env`, `reset_env`, `observe`, `is_terminated` and the spaces.

    Attributes:
      external: The state is a token for something outside of JAX: each batch is stepped once and in order,
        and a stored state cannot be continued.
      render_aligned: Whether the picture that `render` draws shows what an image observation shows, every
        thing at the same place.
    """

    external = False
    render_aligned = False

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def default_params(self) -> Any:
        return EnvParams()

    @property
    def num_actions(self) -> int:
        return self.action_space(self.default_params).n

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Any = None) -> Step:
        """One transition; an episode that ends is followed by the first observation of the next.

        Args:
          key: Random key of this transition.
          state: State before the step.
          action: Element of the action space.
          params: Environment numbers; the default ones if None.

        Returns:
          ``(observation, state, reward, terminated, truncated, info)``. After an episode's end,
          observation and state are those of the new episode, and ``info["final_observation"]`` is
          the last one of the old episode. ``terminated`` (the task ended) and ``truncated`` (the
          time limit was reached) may both be true.

          Environments that begin the next episode one step late return the last observation of the old one,
          and in the next step, which ignores its action, the first of the new one; that step they mark by
          ``info["reset_step"]``. Where a lost life is ``terminated`` too, ``info["game_over"]`` tells the two
          apart. See `begins_episode` and `ends_episode`.
        """
        params = self.default_params if params is None else params
        key_step, key_reset = jax.random.split(key)
        final_obs, stepped, reward, terminated, info = self.step_env(key_step, state, action, params)
        truncated = self.is_truncated(stepped, params)
        first = self.reset_env(key_reset, params)
        obs, state = select(terminated | truncated, first, (final_obs, stepped))
        info = info | {
            "terminated": terminated,
            "truncated": truncated,
            "final_observation": final_obs,
        }
        return obs, state, reward, terminated, truncated, info

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, Any]:
        """First observation and state of an episode."""
        return self.reset_env(key, self.default_params if params is None else params)

    def step_env(
        self, key: jax.Array, state: Any, action: jax.Array, params: Any
    ) -> tuple[Any, Any, jax.Array, jax.Array, dict[str, Any]]:
        """One transition without auto-reset: observation, state, reward, terminated, info."""
        raise NotImplementedError

    def reset_env(self, key: jax.Array, params: Any) -> tuple[Any, Any]:
        """First observation and state of an episode."""
        raise NotImplementedError

    def observe(self, key: jax.Array, state: Any, action: jax.Array | None, params: Any) -> Any:
        """Observation of ``state``, reached by ``action`` (None at a reset)."""
        raise NotImplementedError

    def is_terminated(self, state: Any, params: Any) -> jax.Array:
        """Whether the task itself has ended in ``state``, bool[]."""
        raise NotImplementedError

    def is_truncated(self, state: Any, params: Any) -> jax.Array:
        """Whether ``state`` has reached the time limit, bool[]."""
        return state.time >= params.max_steps_in_episode

    def discount(self, state: Any, params: Any) -> jax.Array:
        """0 where the task has ended and 1 elsewhere, float32[]."""
        return 1.0 - jnp.float32(self.is_terminated(state, params))

    def action_space(self, params: Any = None) -> Any:
        raise NotImplementedError

    def observation_space(self, params: Any) -> Any:
        raise NotImplementedError
