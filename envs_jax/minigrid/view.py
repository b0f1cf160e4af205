"""What the agent sees: the 7x7 cells before it, without those that walls and closed doors hide.

The agent stands in the middle of the lowest row and looks up. A view is indexed [row, column]; minigrid's own
image is the transpose, [column, row]. Source: ``MiniGridEnv.gen_obs_grid`` and ``Grid.process_vis`` of
minigrid 3.2.
"""

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.minigrid import tiles
from envs_jax.minigrid.dynamics import STEPS, State

SIZE = 7
"""Cells along one side of the view."""
AGENT = (SIZE - 1, SIZE // 2)
"""Row and column of the agent in its view."""


def cells(state: State) -> tuple[jax.Array, jax.Array]:
    """Columns x and rows y of the view's cells in the grid, int32[7, 7] each; some may lie outside."""
    ahead = jnp.asarray(STEPS)[state.direction]
    right = jnp.stack([-ahead[1], ahead[0]])
    rows, columns = np.indices((SIZE, SIZE), np.int32)
    depth, side = AGENT[0] - rows, columns - AGENT[1]
    x, y = (state.position[i] + ahead[i] * depth + right[i] * side for i in range(2))
    return x, y


def visible(opaque: jax.Array) -> jax.Array:
    """Which cells of a view are seen.

    Sight starts at the agent and spreads row by row away from it. Within a row it passes through what is not
    opaque, first to the right, then to the left; from every cell passed it reaches the one ahead of it and
    the one ahead to that side. An opaque cell is seen, but not passed. In the last column nothing passes to
    the right, in the first nothing to the left.

    A row is kept as the bits of one number, bit ``i`` for column ``i``, so that a whole row spreads at once.

    Args:
      opaque: bool[7, 7].

    Returns:
      bool[7, 7].
    """
    columns = np.arange(SIZE, dtype=np.int32)
    clear = jnp.where(opaque, 0, np.int32(1) << columns).sum(-1, dtype=jnp.int32)
    not_last, not_first = (1 << (SIZE - 1)) - 1, (1 << SIZE) - 2
    seen, rows = jnp.int32(1 << AGENT[1]), []
    for row in reversed(range(SIZE)):
        rightwards, leftwards = clear[row] & not_last, clear[row] & not_first
        for _ in range(SIZE - 1):
            seen = seen | (seen & rightwards) << 1
        passed = seen & rightwards
        beyond = passed | passed << 1
        for _ in range(SIZE - 1):
            seen = seen | (seen & leftwards) >> 1
        passed = seen & leftwards
        rows.append(seen)
        seen = beyond | passed | passed >> 1
    return (jnp.stack(rows[::-1])[:, None] >> columns) & 1 == 1


def view(state: State) -> jax.Array:
    """The tiles before the agent, `tiles.UNSEEN` where they are hidden, uint8[7, 7].

    Cells outside the grid look like walls. In the agent's own cell is what it carries.
    """
    height, width = state.grid.shape
    x, y = cells(state)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    tile = jnp.where(inside, state.grid[y, x], jnp.uint8(tiles.WALL))
    # Without the barrier XLA looks every cell up again wherever its tile is used: twice the time.
    tile = jax.lax.optimization_barrier(tile)
    tile = jnp.where(visible(tiles.among(tile, tiles.OPAQUE)), tile, jnp.uint8(tiles.UNSEEN))
    rows, columns = np.indices((SIZE, SIZE), np.int32)
    return jnp.where((rows == AGENT[0]) & (columns == AGENT[1]), state.carrying, tile)


def grey(state: State) -> jax.Array:
    """The view as one grey value in [0, 1] per cell, row by row from the farthest, float32[49]."""
    return view(state).reshape(-1).astype(jnp.float32) / (tiles.NUM_TILES - 1)


def image(state: State) -> jax.Array:
    """The view as minigrid's ``obs["image"]``: object, colour and state, [column, row], int8[7, 7, 3]."""
    return jnp.asarray(tiles.CODES, jnp.int8)[view(state).T]
