"""Pictures of boards, mazes, cart-pole and pendulum."""

import numpy as np

CELL = 24
"""Pixels along one square of a board."""
TILE = 16
"""Pixels along one square of a maze."""
SIDE = 240
"""Pixels along the pictures of cart-pole and pendulum."""
FLOOR, LINE, WALL, COVER = (246, 244, 238), (214, 210, 200), (128, 124, 116), (176, 188, 200)
SHIP, HIT, MISS, MINE = (120, 128, 140), (200, 52, 48), (52, 94, 178), (200, 52, 48)
BEEN, AGENT, ENTRANCE, EXIT = (196, 214, 236), (120, 62, 160), (80, 170, 90), (216, 172, 32)
POLE, CART = (204, 120, 60), (52, 84, 150)
PLACES = np.array([(i, j) for i in range(3) for j in range(3)])
"""Where the dots of a count lie in a square, in thirds."""


def battleship(board: np.ndarray, guesses: np.ndarray) -> np.ndarray:
    """The board: ships grey, where they are hit red, misses as small blue discs.

    Args:
      board: 1 where a ship is, int[N, N].
      guesses: 1 where a shot went, int[N, N].

    Returns:
      uint8[H, W, 3] with ``CELL`` pixels per square.
    """
    image = _fill(np.where((board == 1)[..., None], SHIP, COVER), CELL)
    image = _fill_where(image, (board == 1) & (guesses == 1), HIT)
    for row, column in np.argwhere((board == 0) & (guesses == 1)):
        _disc(image, (row + 0.5) * CELL, (column + 0.5) * CELL, CELL / 6, MISS)
    return _lines(image, CELL)


def minesweeper(grid: np.ndarray) -> np.ndarray:
    """The board: what was viewed is light, with a dot for each mine around it; mines are red discs.

    Args:
      grid: 0 clear, 1 mine, 2 viewed, int[N, N].

    Returns:
      uint8[H, W, 3] with ``CELL`` pixels per square.
    """
    mines = np.pad(grid == 1, 1).astype(int)
    size = len(grid)
    counts = np.sum([mines[i : i + size, j : j + size] for i in range(3) for j in range(3)], axis=0)
    image = _fill(np.where((grid == 2)[..., None], FLOOR, COVER), CELL)
    for row, column in np.argwhere(grid == 1):
        _disc(image, (row + 0.5) * CELL, (column + 0.5) * CELL, CELL / 3, MINE)
    for row, column in np.argwhere(grid == 2):
        for i, j in PLACES[: counts[row, column]]:
            _disc(image, row * CELL + (2 * i + 1) * CELL / 6, column * CELL + (2 * j + 1) * CELL / 6, 2, MISS)
    return _lines(image, CELL)


def labyrinth(codes: np.ndarray, explored: np.ndarray, position: np.ndarray) -> np.ndarray:
    """The maze: walls grey, where the agent has been blue, entrance green, exit yellow, the agent a disc.

    Args:
      codes: 0 free, 1 wall, 2 entrance, 3 exit, int[H, W].
      explored: bool[H, W].
      position: Row and column of the agent.

    Returns:
      uint8[H, W, 3] with ``TILE`` pixels per square.
    """
    squares = np.array([FLOOR, WALL, ENTRANCE, EXIT])[codes]
    squares[explored & (codes == 0)] = BEEN
    image = _fill(squares, TILE)
    _disc(image, (position[0] + 0.5) * TILE, (position[1] + 0.5) * TILE, TILE / 3, AGENT)
    return image


def cart_pole(x: float, angle: float) -> np.ndarray:
    """The cart on its track, which ends where the task does, and the pole, uint8[SIDE, 2 * SIDE, 3]."""
    image = np.full((SIDE, 2 * SIDE, 3), FLOOR, np.uint8)
    scale, floor = SIDE / 2.6, SIDE - 40
    image[floor + 20 : floor + 22] = LINE
    for end in (-2.4, 2.4):
        column = round(SIDE + end * scale * 0.95)
        image[floor - 10 : floor + 22, max(column - 1, 0) : column + 2] = WALL
    centre = SIDE + x * scale * 0.95
    rows, columns = np.indices(image.shape[:2]) + 0.5
    image[(np.abs(rows - floor - 8) < 12) & (np.abs(columns - centre) < 24)] = CART
    _rod(image, floor, centre, scale, angle, 4)
    return image


def pendulum(angle: float) -> np.ndarray:
    """The pendulum, upright for an angle of 0, uint8[SIDE, SIDE, 3]."""
    image = np.full((SIDE, SIDE, 3), FLOOR, np.uint8)
    _rod(image, SIDE / 2, SIDE / 2, SIDE * 0.4, -angle, 8)  # gymnasium counts it counter-clockwise
    _disc(image, SIDE / 2, SIDE / 2, 5, WALL)
    return image


def _rod(
    image: np.ndarray, row: float, column: float, length: float, angle: float, half_width: float
) -> None:
    """Draws a rod from a point, upright for an angle of 0 and to the right for a positive one."""
    rows, columns = np.indices(image.shape[:2]) + 0.5
    up, right = row - rows, columns - column
    along = up * np.cos(angle) + right * np.sin(angle)
    across = right * np.cos(angle) - up * np.sin(angle)
    image[(along > 0) & (along < length) & (np.abs(across) < half_width)] = POLE


def _fill(squares: np.ndarray, size: int) -> np.ndarray:
    """Colours [N, M, 3] as squares of so many pixels."""
    return squares.astype(np.uint8).repeat(size, 0).repeat(size, 1)


def _fill_where(image: np.ndarray, squares: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    where = squares.repeat(CELL, 0).repeat(CELL, 1)[..., None]
    return np.where(where, np.array(colour, np.uint8), image)


def _lines(image: np.ndarray, size: int) -> np.ndarray:
    image[::size] = image[:, ::size] = LINE
    image[-1] = image[:, -1] = LINE
    return image


def _disc(image: np.ndarray, row: float, column: float, radius: float, colour: tuple[int, ...]) -> None:
    rows, columns = np.indices(image.shape[:2]) + 0.5
    image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = colour
