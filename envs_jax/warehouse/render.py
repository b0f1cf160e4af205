"""Pictures of a Warehouse."""

from typing import Any

import numpy as np

from envs_jax.warehouse.dynamics import EMPTY, Params, State

CELL = 32
"""Pixels along one cell."""
FLOOR, LINE, SHELF = (246, 244, 238), (214, 210, 200), (230, 225, 212)
YOUNG, OLD, ROBOT = np.array((88, 166, 92)), np.array((208, 72, 48)), (52, 84, 150)


def render(state: State, params: Params) -> np.ndarray:
    """The grid from above: robot as a disc, items as squares from green (new) to red (about to go).

    Returns:
      uint8[H, W, 3] with ``CELL`` pixels per cell.
    """
    layout = params.layout
    side = layout.size * CELL
    image = np.empty((side, side, 3), np.uint8)
    image[:] = FLOOR
    ages = np.asarray(state.age)
    for row, column in layout.slots:
        _cell(image, row, column)[:] = SHELF
    for (row, column), age in zip(layout.slots, ages, strict=True):
        if age != EMPTY:
            old = min(age / max(int(params.lifetime) - 1, 1), 1.0)
            inner = slice(CELL // 4, CELL - CELL // 4)
            _cell(image, row, column)[inner, inner] = (1 - old) * YOUNG + old * OLD
    image[::CELL] = image[:, ::CELL] = LINE
    image[-1] = image[:, -1] = LINE
    row, column = np.asarray(state.robot)
    offset = np.arange(CELL) - (CELL - 1) / 2
    disc = offset[:, None] ** 2 + offset[None] ** 2
    radius = CELL * 0.4
    _cell(image, row, column)[(disc < radius**2) & (disc > (radius * 0.55) ** 2)] = ROBOT
    return image


def _cell(image: np.ndarray, row: Any, column: Any) -> np.ndarray:
    return image[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
