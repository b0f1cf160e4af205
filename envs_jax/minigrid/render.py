"""Pictures of a MiniGrid task."""

import numpy as np

from envs_jax.minigrid import tiles, view
from envs_jax.minigrid.dynamics import State

CELL = 32
"""Pixels along one cell."""
DARKNESS = 0.55
"""Light on the cells that the agent does not see."""
FLOOR, LINE, WALL, AGENT = (246, 244, 238), (214, 210, 200), (128, 124, 116), (120, 62, 160)
RED, GREEN, BLUE, YELLOW = (196, 58, 48), (72, 150, 80), (52, 94, 178), (216, 172, 32)
DOORS = dict.fromkeys(tiles.RED_DOORS, RED) | dict.fromkeys(tiles.BLUE_DOORS, BLUE)
DOORS |= dict.fromkeys(tiles.YELLOW_DOORS, YELLOW)
KEYS = {tiles.GREEN_KEY: GREEN, tiles.YELLOW_KEY: YELLOW}
# Coordinates of the pixels' centres within one cell, from -1 to 1.
Y, X = (np.indices((CELL, CELL)) + 0.5) * 2 / CELL - 1


def render(state: State) -> np.ndarray:
    """The grid from above, with the cells that the agent sees in full light.

    The agent is a triangle that points ahead; what it carries lies on it.

    Returns:
      uint8[H * CELL, W * CELL, 3].
    """
    grid = np.asarray(state.grid)
    height, width = grid.shape
    seen = np.zeros((height, width), bool)
    x, y = (np.asarray(part) for part in view.cells(state))
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    shown = (np.asarray(view.view(state)) != tiles.UNSEEN) & inside
    seen[y[shown], x[shown]] = True
    image = np.empty((height * CELL, width * CELL, 3), np.uint8)
    for row in range(height):
        for column in range(width):
            picture = _tile(int(grid[row, column]))
            if tuple(np.asarray(state.position)) == (column, row):
                _agent(picture, int(state.direction))
                _thing(picture, int(state.carrying), 0.45)
            light = 1.0 if seen[row, column] else DARKNESS
            image[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = picture * light
    return image


def _tile(tile: int) -> np.ndarray:
    """One cell in full light, float64[CELL, CELL, 3]."""
    picture = np.empty((CELL, CELL, 3))
    picture[:] = WALL if tile == tiles.WALL else GREEN if tile == tiles.GOAL else FLOOR
    if tile in DOORS:
        edge = np.maximum(abs(X), abs(Y))
        if tile in tiles.WALKABLE:
            picture[edge > 0.8] = DOORS[tile]
        else:
            picture[:] = DOORS[tile]
            picture[(edge > 0.72) & (edge < 0.82)] = FLOOR
            slot = (abs(X - 0.3) < 0.3) & (abs(Y) < 0.1)
            picture[slot if tile == tiles.YELLOW_LOCKED else _disc(0.4, 0, 0.16)] = FLOOR
    _thing(picture, tile, 0.7)
    if tile != tiles.WALL:
        picture[0] = picture[:, 0] = LINE
    return picture


def _thing(picture: np.ndarray, tile: int, size: float) -> None:
    """Draws a ball or a key, ``size`` being half its height in units of half a cell."""
    if tile == tiles.GREEN_BALL:
        picture[_disc(0, 0, size)] = GREEN
    elif tile in KEYS:
        shaft = (abs(X) < 0.16 * size) & (abs(Y - 0.4 * size) < 0.6 * size)
        teeth = (abs(X - 0.25 * size) < 0.25 * size) & (abs(abs(Y - 0.65 * size) - 0.2 * size) < 0.11 * size)
        ring = _disc(0, -0.55 * size, 0.5 * size) & ~_disc(0, -0.55 * size, 0.22 * size)
        picture[shaft | teeth | ring] = KEYS[tile]


def _agent(picture: np.ndarray, direction: int) -> None:
    ahead, across = ((X, Y), (Y, X), (-X, Y), (-Y, X))[direction]
    picture[(ahead > -0.75) & (abs(across) < 0.42 * (0.8 - ahead))] = AGENT


def _disc(x: float, y: float, radius: float) -> np.ndarray:
    return (X - x) ** 2 + (Y - y) ** 2 < radius**2
