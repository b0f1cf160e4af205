"""What a cell can hold: every combination of object, colour and state that occurs in the tasks here.

A tile is a small whole number, and its grey value is ``tile / (NUM_TILES - 1)``. The order is chosen so that
what one task must tell apart lies apart.
"""

from collections.abc import Iterable

import jax
import numpy as np

(
    UNSEEN,
    EMPTY,
    WALL,
    GREEN_BALL,
    RED_OPEN,
    GREEN_KEY,
    RED_CLOSED,
    YELLOW_KEY,
    YELLOW_OPEN,
    BLUE_OPEN,
    YELLOW_CLOSED,
    GOAL,
    BLUE_CLOSED,
    YELLOW_LOCKED,
) = range(14)
NUM_TILES = 14

CODES = np.array(
    [
        (0, 0, 0),
        (1, 0, 0),
        (2, 5, 0),
        (6, 1, 0),
        (4, 0, 0),
        (5, 1, 0),
        (4, 0, 1),
        (5, 4, 0),
        (4, 4, 0),
        (4, 2, 0),
        (4, 4, 1),
        (8, 1, 0),
        (4, 2, 1),
        (4, 4, 2),
    ],
    np.uint8,
)
"""Each tile as minigrid encodes it, uint8[NUM_TILES, 3]: object, colour, state (``minigrid.core.constants``:
objects 1 empty, 2 wall, 4 door, 5 key, 6 ball, 8 goal; colours 0 red, 1 green, 2 blue, 4 yellow, 5 grey; door
states 0 open, 1 closed, 2 locked)."""

RED_DOORS = (RED_OPEN, RED_CLOSED)
BLUE_DOORS = (BLUE_OPEN, BLUE_CLOSED)
YELLOW_DOORS = (YELLOW_OPEN, YELLOW_CLOSED, YELLOW_LOCKED)
PORTABLE = (GREEN_BALL, GREEN_KEY, YELLOW_KEY)
"""What can be picked up (``WorldObj.can_pickup``)."""
WALKABLE = (EMPTY, RED_OPEN, YELLOW_OPEN, BLUE_OPEN, GOAL)
"""Where the agent can go (``WorldObj.can_overlap``)."""
OPAQUE = (WALL, RED_CLOSED, BLUE_CLOSED, YELLOW_CLOSED, YELLOW_LOCKED)
"""What hides the cells behind it (``WorldObj.see_behind``)."""

_SWINGS = [(RED_OPEN, RED_CLOSED), (BLUE_OPEN, BLUE_CLOSED), (YELLOW_OPEN, YELLOW_CLOSED)]
TOGGLED = np.arange(NUM_TILES, dtype=np.uint8)
"""Each tile after a toggle without a key, uint8[NUM_TILES] (``Door.toggle``): unlocked doors swing."""
for _open, _closed in _SWINGS:
    TOGGLED[[_open, _closed]] = _closed, _open


def among(tiles: jax.Array, kinds: Iterable[int]) -> jax.Array:
    """Whether each tile is one of ``kinds``, bool of the same shape.

    The kinds are bits of one number, which is faster than a comparison with each.
    """
    bits = np.int32(sum(1 << kind for kind in kinds))
    return (bits >> tiles.astype(np.int32)) & 1 == 1
