"""Mazes by "hunt and kill", grown one cell per call so that the next one is ready when it is needed.

Rules: ``mazelib.generate.HuntAndKill`` in its random order, which popgym 1.0.7 uses. From a cell that has
been reached one walks at random to neighbours that have not, and opens the walls between, until there is
none. Then one hunts: cells are drawn blindly until one is found from which a walk can go on. The whole maze
has one hunt for each square of its grid, walls included, so a maze may stay unfinished.

A maze of N x N cells is a grid of (2N + 1) x (2N + 1) squares with the cells at odd rows and columns, as rows
of bits (`envs_jax.popgym.bits`): 1 for a wall, and beyond the last column too.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax.draws import uniforms
from envs_jax.popgym import bits

STEPS = np.array([(0, -1), (0, 1), (-1, 0), (1, 0)], np.int32)
"""Change of (row, column) to the left, right, up and down."""


class Growth(struct.PyTreeNode):
    """A maze in the making.

    Attributes:
      walls: int32[2N + 1].
      position: Row and column of the cell from which the walk goes on, int32[2].
      hunts_left: int32[].
      finished: Nothing will be added, bool[].
    """

    walls: jax.Array
    position: jax.Array
    hunts_left: jax.Array
    finished: jax.Array


def start(draws: jax.Array, cells: int) -> Growth:
    """A maze of one cell, anywhere.

    Args:
      draws: Uniform in [0, 1), float[2].
      cells: Along one side, N.
    """
    side = 2 * cells + 1
    position = 1 + 2 * (draws * cells).astype(jnp.int32)
    return Growth(
        walls=~bits.square(position[0], position[1], side),
        position=position,
        hunts_left=jnp.int32(side * side),
        finished=jnp.array(False),
    )


def grow(growth: Growth, draws: jax.Array) -> Growth:
    """The maze with one cell more; as it is once it is finished.

    Hunts that find nothing are not carried out one by one. How many there are before one that does has a
    geometric distribution, and the cell that this one finds is any of those from which a walk can go on.

    Args:
      growth: The maze so far.
      draws: Uniform in [0, 1), float[3].
    """
    side = len(growth.walls)
    cells = bits.pack(np.outer(np.arange(side) % 2, np.arange(side) % 2) == 1)
    reached, closed = ~growth.walls & cells, growth.walls & cells
    # For each direction the cells whose neighbour there has not been reached.
    ways = jnp.stack([closed << 2, closed >> 2, bits.down(closed, 2), bits.down(closed, -2)])
    open_ended = reached & (ways[0] | ways[1] | ways[2] | ways[3])

    walks_on = bits.has(open_ended, *growth.position)
    chance = bits.count(open_ended) / (side // 2) ** 2
    hunts = 1 + jnp.floor(jnp.log1p(-draws[0]) / jnp.log1p(-chance))  # infinite or NaN for a chance of 0
    found = hunts <= growth.hunts_left
    grows = ~growth.finished & (walks_on | found)
    prey = jnp.stack(bits.pick(open_ended, draws[1], side))
    row, column = jnp.where(walks_on, growth.position, prey)

    here = bits.square(row, column, side)
    ways_here = bits.pack((ways & here != 0).any(1)[None])[0]
    choice = bits.nth(ways_here, (draws[2] * jax.lax.population_count(ways_here)).astype(jnp.int32), 4)
    change = (STEPS * (np.arange(4)[:, None] == choice)).sum(0)
    between = bits.square(row + change[0], column + change[1], side)
    beyond = bits.square(row + 2 * change[0], column + 2 * change[1], side)
    hunts_used = jnp.where(walks_on, 0, hunts).astype(jnp.int32)
    return Growth(
        walls=jnp.where(grows, growth.walls & ~(between | beyond), growth.walls),
        position=jnp.where(grows, jnp.stack([row, column]) + 2 * change, growth.position),
        hunts_left=jnp.where(grows, growth.hunts_left - hunts_used, growth.hunts_left),
        finished=~grows,
    )


def finish(growth: Growth, key: jax.Array, wanted: jax.Array | bool = True) -> Growth:
    """The finished maze, if it is wanted; else the maze so far, which costs nothing in a batch of such."""

    def step(loop: tuple[Growth, jax.Array]) -> tuple[Growth, jax.Array]:
        growth, i = loop
        return grow(growth, uniforms(jax.random.fold_in(key, i), 3)), i + 1

    return jax.lax.while_loop(lambda loop: wanted & ~loop[0].finished, step, (growth, jnp.int32(0)))[0]
