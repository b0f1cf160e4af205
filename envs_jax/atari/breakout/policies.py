"""Reference policies of Breakout. They use no more of the state than a picture shows."""

import jax
import jax.numpy as jnp

from envs_jax.atari.breakout.dynamics import ABSENT, FIRE, LEFT, NOOP, PIXEL, RIGHT, State
from envs_jax.atari.console import Params

TOLERANCE = 3
"""Distance to the wanted place at which the knob is left alone."""


def noop(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Never serves, so that only the time limit ends the game."""
    return jnp.int32(NOOP)


def random(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Any action with the same probability."""
    return jax.random.randint(key, (), 0, 4)


def follow_the_ball(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Serves at once and keeps the paddle's middle under the ball."""
    x, y = state.sprites.ball // PIXEL
    return follow(x, y, state.sprites.paddle, state.sprites.half)


def follow(x: jax.Array, y: jax.Array, paddle: jax.Array, half: jax.Array) -> jax.Array:
    """Action that brings the paddle under the ball, or serves one, int32[].

    Args:
      x: The ball's, in pixels, int32[].
      y: The ball's, in pixels, int32[].
      paddle: x of the paddle, int32[].
      half: Half of its width, int32[].
    """
    distance = x - (paddle + half + 1)
    moved = jnp.where(distance < -TOLERANCE, LEFT, jnp.where(distance > TOLERANCE, RIGHT, NOOP))
    return jnp.where(y == ABSENT, FIRE, moved)


POLICIES = {"noop": noop, "random": random, "follow the ball": follow_the_ball}
