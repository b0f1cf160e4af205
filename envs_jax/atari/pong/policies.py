"""Reference policies of Pong. They see the state, which two successive pictures show but for the score's past."""

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
    return follow(state.sprites.ball[1], state.sprites.paddle, 0)


def follow_and_fire(key: jax.Array, state: State, params: Params) -> jax.Array:
    """The same with the fire button held, which makes the ball faster at every hit."""
    return follow(state.sprites.ball[1], state.sprites.paddle, 1)


def follow(ball: jax.Array, paddle: jax.Array, fires: int) -> jax.Array:
    """Action that brings the paddle to the ball, from their y, int32[]; numbers or arrays."""
    distance = jnp.where(ball == ABSENT, 0, ball - (paddle + 7))
    up, down, stay = (RIGHT_FIRE, LEFT_FIRE, FIRE) if fires else (RIGHT, LEFT, NOOP)
    return jnp.where(distance < -TOLERANCE, up, jnp.where(distance > TOLERANCE, down, stay))


POLICIES = {
    "noop": noop,
    "random": random,
    "follow the ball": follow_the_ball,
    "follow the ball, fire": follow_and_fire,
}
