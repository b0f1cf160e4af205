"""Pictures of Breakout: what the agent sees, and one in colour."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.atari import screen
from envs_jax.atari.breakout.dynamics import (
    ABSENT,
    BRICK_COLUMNS,
    BRICK_ROWS,
    LIVES,
    PIXEL,
    POINTS,
    WALLS,
    Sprites,
    State,
)
from envs_jax.atari.screen import COLUMNS, ROWS, SIZE, Rectangle

WALL, MOVING, FOOT = (142, 142, 142), (200, 72, 72), (66, 158, 130)
"""Colours: the walls and the numbers; ball, paddle and the right wall's foot; the left wall's."""
BRICKS = ((66, 72, 200), (72, 160, 72), (162, 162, 42), (180, 122, 48), (198, 108, 58), (200, 72, 72))
"""Colours of the bricks from the lowest row up."""
TOP, PADDLE_TOP = 32, 189
"""First row below the upper wall, and of the paddle."""
BRICK_TOP, BRICK_LEFT, BRICK_HEIGHT, BRICK_WIDTH = 57, 8, 6, 8
NUMBER_ROW, NUMBER_ROWS, SCORE_COLUMN, LIVES_COLUMN, PLAYER_COLUMN = 5, 4, 36, 100, 132
"""First row of the numbers and how many reduced rows they touch; first columns of points, lives, player."""


def draw(state: State) -> jax.Array:
    """The brighter of the last two frames at every pixel, reduced, uint8[84, 84, 1]."""
    now, before = state.sprites, state.before
    bricks = (now.bricks | before.bricks).astype(jnp.float32)
    # One product for each side: bricks are a grid, and reducing works on rows and columns apart.
    multiply = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
    wall = multiply(multiply(jnp.asarray(_BRICK_ROWS), bricks), jnp.asarray(_BRICK_COLUMNS))
    picture = jnp.asarray(_FIELD_GREY) + _numbers(state) + jnp.pad(wall, ((0, SIZE - wall.shape[0]), (0, 0)))
    moving = float(screen.grey(MOVING))
    places = [(rectangle(before), rectangle(now)) for rectangle in (_paddle, _ball)]
    brighter = screen.brighten([(moving, old, new) for old, new in places])
    picture = jnp.maximum(picture, jnp.minimum(picture + brighter, moving))
    return screen.to_bytes(picture)


def paint(sprites: Sprites, score: int, lives: int) -> np.ndarray:
    """One frame as the console shows it, uint8[210, 160, 3].

    Args:
      sprites: What changes.
      score: Points.
      lives: Balls left.
    """
    picture = _FIELD.copy()
    picture[_score(score) | _lives(lives)] = WALL
    for row, column in np.argwhere(np.asarray(sprites.bricks)):
        top = BRICK_TOP + BRICK_HEIGHT * (BRICK_ROWS - 1 - row)
        left = BRICK_LEFT + BRICK_WIDTH * column
        picture[top : top + BRICK_HEIGHT, left : left + BRICK_WIDTH] = BRICKS[row]
    for rectangle in (_paddle, _ball):
        top, bottom, left, right = map(int, rectangle(sprites))
        picture[top:bottom, left:right] = MOVING
    return picture


def render(state: State) -> np.ndarray:
    """The last frame in colour, each pixel 4 wide and 2 high as on a screen, uint8[420, 640, 3]."""
    return paint(state.sprites, int(state.score), int(state.lives)).repeat(2, 0).repeat(4, 1)


def _numbers(state: State) -> jax.Array:
    """What the points and the lives add to the picture, float32[84, 84]."""
    places = jnp.array([100, 10, 1])
    points = sum(
        jnp.asarray(table)[state.score // place % 10]
        for table, place in zip(_SCORE_GREY, places, strict=True)
    )
    rows = points + jnp.asarray(_LIVES_GREY)[jnp.clip(state.lives, 0, LIVES)]
    above = _FIRST_NUMBER_ROW
    return jnp.pad(rows, ((above, SIZE - above - NUMBER_ROWS), (0, 0)))


def _paddle(sprites: Sprites) -> Rectangle:
    left = sprites.paddle - 47
    # The walls are as bright as what they hide here, or brighter.
    return jnp.int32(PADDLE_TOP), jnp.int32(PADDLE_TOP + 4), left, left + 2 * sprites.half


def _ball(sprites: Sprites) -> Rectangle:
    x, y = sprites.ball // PIXEL
    # Below the bricks everything is drawn one row lower.
    top = jnp.where(y == ABSENT, ROWS, y + 8 + (y > 84))
    bottom = jnp.where(y == ABSENT, ROWS, y + 12 + (y >= 82))
    return jnp.maximum(top, TOP), jnp.minimum(bottom, PADDLE_TOP), x - 49, x - 47


def _field() -> np.ndarray:
    picture = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    picture[17:TOP] = picture[TOP:PADDLE_TOP, :8] = picture[TOP:PADDLE_TOP, 152:] = WALL
    picture[PADDLE_TOP:196, :8] = FOOT
    picture[PADDLE_TOP:195, 152:] = MOVING
    picture[_lit("1", PLAYER_COLUMN)] = WALL
    return picture


def _lit(character: str, column: int) -> np.ndarray:
    """Where a digit is lit, bool[210, 160]."""
    lit = np.zeros((ROWS, COLUMNS), bool)
    lit[NUMBER_ROW : NUMBER_ROW + 10, column : column + 12] = screen.digit(character, 2)
    return lit


def _score(score: int) -> np.ndarray:
    digits = zip(f"{score:03}", range(SCORE_COLUMN, COLUMNS, 16), strict=False)
    return np.any([_lit(character, column) for character, column in digits], axis=0)


def _lives(lives: int) -> np.ndarray:
    return _lit(str(lives), LIVES_COLUMN)


def _number_grey(lit: np.ndarray) -> np.ndarray:
    """What lit numbers add to the rows that they touch, float32[4, 84]."""
    rows = screen.shrink(lit * float(screen.grey(WALL)))
    return rows[_FIRST_NUMBER_ROW : _FIRST_NUMBER_ROW + NUMBER_ROWS].astype(np.float32)


def _brick_tables() -> tuple[np.ndarray, np.ndarray]:
    """Grey of one brick row by reduced rows, and share of one brick column by reduced columns."""
    rows, columns = np.zeros((ROWS, BRICK_ROWS)), np.zeros((BRICK_COLUMNS, COLUMNS))
    for row, colour in enumerate(BRICKS):
        top = BRICK_TOP + BRICK_HEIGHT * (BRICK_ROWS - 1 - row)
        rows[top : top + BRICK_HEIGHT, row] = float(screen.grey(colour))
    for column in range(BRICK_COLUMNS):
        left = BRICK_LEFT + BRICK_WIDTH * column
        columns[column, left : left + BRICK_WIDTH] = 1
    last = -(-(BRICK_TOP + BRICK_HEIGHT * BRICK_ROWS) * SIZE // ROWS)
    return screen.shrink_rows(rows)[:last].astype(np.float32), screen.shrink_columns(columns).astype(
        np.float32
    )


assert WALLS * BRICK_COLUMNS * sum(POINTS) < 1000  # three digits
_FIRST_NUMBER_ROW = NUMBER_ROW * SIZE // ROWS
_FIELD = _field()
_FIELD_GREY = screen.shrink(screen.grey(_FIELD)).astype(np.float32)
_BRICK_ROWS, _BRICK_COLUMNS = _brick_tables()
_SCORE_GREY = [
    np.array([_number_grey(_lit(str(digit), SCORE_COLUMN + 16 * place)) for digit in range(10)])
    for place in range(3)
]
_LIVES_GREY = np.array([_number_grey(_lives(lives)) for lives in range(LIVES + 1)])
