"""States of MiniGrid from drawings, and drawings of what is seen."""

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.minigrid import State, tiles, view

LETTERS = {
    " ": tiles.EMPTY,
    "#": tiles.WALL,
    "o": tiles.GREEN_BALL,
    "k": tiles.GREEN_KEY,
    "y": tiles.YELLOW_KEY,
    "r": tiles.RED_OPEN,
    "R": tiles.RED_CLOSED,
    "b": tiles.BLUE_OPEN,
    "B": tiles.BLUE_CLOSED,
    "d": tiles.YELLOW_OPEN,
    "D": tiles.YELLOW_CLOSED,
    "L": tiles.YELLOW_LOCKED,
    "G": tiles.GOAL,
    ".": tiles.UNSEEN,
}
"""Tiles in drawings."""


def read(*rows):
    return np.array([[LETTERS[letter] for letter in row] for row in rows], np.uint8)


def draw(grid):
    letter = {tile: letter for letter, tile in LETTERS.items()}
    return ["".join(letter[int(tile)] for tile in row) for row in grid]


def state_of(*rows, at, facing, carrying=tiles.EMPTY, time=0):
    return State(
        time=jnp.int32(time),
        grid=jnp.asarray(read(*rows)),
        position=jnp.array(at, jnp.int32),
        direction=jnp.int32(["right", "down", "left", "up"].index(facing)),
        carrying=jnp.uint8(carrying),
    )


def see(state):
    return draw(_view(state))


_view = jax.jit(view.view)
