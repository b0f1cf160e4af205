"""Reference policies of Pong. They use no more of the state than a picture shows."""

import jax
import jax.numpy as jnp

from envs_jax.atari.console import Params
from envs_jax.atari.pong.dynamics import ABSENT, FIRE, LEFT, LEFT_FIRE, NOOP, RIGHT, RIGHT_FIRE, State

TOLERANCE = 3
"""Distance to the wanted place at which the knob is left alone."""


def noop(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Never moves."""
    return jnp.int32(NOOP)


def random(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Any action with the same probability."""
    return jax.random.randint(key, (), 0, 6)


def follow_the_ball(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Keeps the paddle's middle level with the ball."""
    return follow(state.sprites.ball[1], state.sprites.paddle, jnp.array(False))


def follow_and_fire(key: jax.Array, state: State, params: Params) -> jax.Array:
    """The same with the fire button held, which makes the ball faster at every hit."""
    return follow(state.sprites.ball[1], state.sprites.paddle, jnp.array(True))


def follow(ball: jax.Array, paddle: jax.Array, fires: jax.Array) -> jax.Array:
    """Action that brings the paddle to the ball, int32[].

    Args:
      ball: Its y, int32[].
      paddle: The player's y, int32[].
      fires: Whether to hold the fire button, bool[].
    """
    distance = jnp.where(ball == ABSENT, 0, ball - (paddle + 7))
    direction = jnp.where(distance < -TOLERANCE, 0, jnp.where(distance > TOLERANCE, 1, 2))
    return jnp.where(fires, jnp.array([RIGHT_FIRE, LEFT_FIRE, FIRE]), jnp.array([RIGHT, LEFT, NOOP]))[
        direction
    ]


POLICIES = {
    "noop": noop,
    "random": random,
    "follow the ball": follow_the_ball,
    "follow the ball, fire": follow_and_fire,
}
