"""A continuous task for whole runs in float64, in which gymnax' own do not run."""

from typing import Any

import jax
import jax.numpy as jnp

from envs_jax import spaces
from envs_jax.environment import Environment, EnvParams, EnvState


class State(EnvState):
    """Where a point is, and how fast, float32[2]."""

    x: jax.Array


class Params(EnvParams):
    """Episodes of 30 steps."""

    max_steps_in_episode: int = 30


class Mass(Environment):
    """A point that is pushed along a line, and should lie at 0; seen from 10 times as far as it is.

    It is lost, which ends the task, beyond 2.
    """

    default_params = Params()

    def begin(self, key: jax.Array, params: Any) -> State:
        return State(time=jnp.int32(0), x=jax.random.uniform(key, (2,), jnp.float32, -1, 1))

    def advance(self, key: jax.Array, state: Any, action: jax.Array, params: Any) -> tuple[State, jax.Array]:
        place, speed = state.x
        push = action[0].astype(jnp.float32) - 0.5 * action[1].astype(jnp.float32)
        speed = speed + jnp.float32(0.3) * push
        x = jnp.stack([place + jnp.float32(0.3) * speed, speed])
        return State(time=state.time + 1, x=x), -jnp.square(x[0])

    def observe(self, state: Any, params: Any) -> jax.Array:
        return 10 * state.x + 3

    def is_terminated(self, state: Any, params: Any) -> jax.Array:
        return jnp.abs(state.x[0]) > 2

    def action_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(-1.0, 1.0, (2,))

    def observation_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(-jnp.inf, jnp.inf, (2,))
