"""Boards as rows of bits: bit ``c`` of ``rows[r]`` is the square in row ``r`` and column ``c``, int32[H].

A maze of 19 x 19 squares is 19 numbers then, and what is asked of all its squares costs 19 operations.
"""

import jax
import jax.numpy as jnp
import numpy as np


def square(row: jax.Array, column: jax.Array, height: int) -> jax.Array:
    """A board with one square set, int32[height]; none if there is no such row."""
    return jnp.where(np.arange(height) == row, jnp.int32(1) << column, 0)


def has(rows: jax.Array, row: jax.Array, column: jax.Array) -> jax.Array:
    """Whether a square is set, bool[]."""
    return (rows & square(row, column, len(rows)) != 0).any()


def count(rows: jax.Array) -> jax.Array:
    """How many squares are set, int32[]."""
    return jax.lax.population_count(rows).sum(dtype=jnp.int32)


def down(rows: jax.Array, steps: int) -> jax.Array:
    """The board with every row ``steps`` lower (upwards if negative); what comes in is empty."""
    empty = jnp.zeros(min(abs(steps), len(rows)), jnp.int32)
    parts = [empty, rows[:-steps]] if steps > 0 else [rows[-steps:], empty]
    return jnp.concatenate(parts)


def pick(rows: jax.Array, draw: jax.Array, width: int) -> tuple[jax.Array, jax.Array]:
    """Row and column of one of the squares that are set, all alike, int32[] each.

    Args:
      rows: The board, with at least one square set.
      draw: Uniform in [0, 1), float[].
      width: Columns of the board.
    """
    up_to = jnp.cumsum(jax.lax.population_count(rows))
    chosen = (draw * up_to[-1]).astype(jnp.int32)
    row = (up_to <= chosen).sum(dtype=jnp.int32)
    here = np.arange(len(rows)) == row
    word = jnp.where(here, rows, 0).sum(dtype=jnp.int32)
    before = jnp.where(here, up_to, 0).sum(dtype=jnp.int32) - jax.lax.population_count(word)
    return row, nth(word, chosen - before, width)


def nth(word: jax.Array, n: jax.Array, width: int) -> jax.Array:
    """Place of the ``n``-th set bit of a number, counted from 0, int32[]."""
    up_to = jax.lax.population_count(word & np.array([(2 << i) - 1 for i in range(width)], np.int32))
    return (up_to <= n).sum(dtype=jnp.int32)


def unpack(rows: jax.Array, width: int) -> jax.Array:
    """The board as an array, bool[H, width]."""
    return (rows[:, None] >> np.arange(width)) & 1 == 1


def pack(board: jax.Array) -> jax.Array:
    """An array bool[H, W] as rows of bits, int32[H]."""
    return jnp.where(board, np.int32(1) << np.arange(board.shape[1], dtype=np.int32), 0).sum(1, jnp.int32)
