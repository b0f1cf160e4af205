"""Pictures of Pong: what the agent sees, and one in colour."""

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.atari import screen
from envs_jax.atari.pong.dynamics import POINTS_TO_WIN, Sprites, State, opponent_top, paddle_top
from envs_jax.atari.screen import COLUMNS, ROWS, Rectangle

FIELD, BALL, OPPONENT, PLAYER = (144, 72, 17), (236, 236, 236), (213, 130, 74), (92, 186, 92)
"""Colours; the walls are the ball's."""
FIRST_ROW, LAST_ROW = 34, 193
"""Rows between the walls."""
OPPONENT_COLUMN, PLAYER_COLUMN = 16, 140
"""First of the four columns of each paddle."""
SCORE_ROW, SCORE_COLUMNS = 1, (20, 100)
"""First row of the points, and first column of the opponent's tens and of the player's."""


def draw(state: State) -> jax.Array:
    """The brighter of the last two frames at every pixel, reduced, uint8[84, 84, 1]."""
    now, before = state.sprites, state.before
    first, second = state.score
    points = jnp.asarray(_POINTS[0])[first] + jnp.asarray(_POINTS[1])[second]
    picture = jnp.asarray(_FIELD_GREY) + jnp.pad(points, ((0, screen.SIZE - points.shape[0]), (0, 0)))
    sprites = zip((OPPONENT, PLAYER, BALL), _rectangles(before), _rectangles(now), strict=True)
    picture += screen.brighten([(_brighter(colour), old, new) for colour, old, new in sprites])
    return screen.to_bytes(jnp.minimum(picture, float(screen.grey(BALL))))  # the ball may cover a paddle


def paint(sprites: Sprites, score: np.ndarray) -> np.ndarray:
    """One frame as the console shows it, uint8[210, 160, 3].

    Args:
      sprites: What moves.
      score: Points of the opponent and of the player, int[2].
    """
    picture = _FIELD.copy()
    for side, colour in enumerate((OPPONENT, PLAYER)):
        picture[_points(int(score[side]), SCORE_COLUMNS[side])] = colour
    for colour, rectangle in zip((OPPONENT, PLAYER, BALL), _rectangles(sprites), strict=True):
        top, bottom, left, right = map(int, rectangle)
        picture[top:bottom, left:right] = colour
    return picture


def render(state: State) -> np.ndarray:
    """The last frame in colour, each pixel 4 wide and 2 high as on a screen, uint8[420, 640, 3]."""
    return paint(state.sprites, np.asarray(state.score)).repeat(2, 0).repeat(4, 1)


def _brighter(colour: tuple[int, int, int]) -> float:
    """What a colour adds to the grey of the field."""
    return float(screen.grey(colour)) - float(screen.grey(FIELD))


def _bounds(top: jax.Array, height: int, left: jax.Array | int, width: int) -> Rectangle:
    """A rectangle less what the walls hide."""
    bottom = jnp.clip(top + height, FIRST_ROW, LAST_ROW + 1)
    return jnp.clip(top, FIRST_ROW, LAST_ROW + 1), bottom, jnp.asarray(left), jnp.asarray(left + width)


def _rectangles(sprites: Sprites) -> tuple[Rectangle, Rectangle, Rectangle]:
    """Where the opponent, the player and the ball are."""
    x, y = sprites.ball
    return (
        _bounds(opponent_top(sprites.opponent), 16, OPPONENT_COLUMN, 4),
        _bounds(paddle_top(sprites.paddle), 16, PLAYER_COLUMN, 4),
        _bounds(y - 14, 4, x - 49, 2),
    )


def _field() -> np.ndarray:
    picture = np.empty((ROWS, COLUMNS, 3), np.uint8)
    picture[:] = FIELD
    picture[24:FIRST_ROW] = picture[LAST_ROW + 1 :] = BALL
    picture[0, :8] = 0
    return picture


def _points(score: int, column: int) -> np.ndarray:
    """Where one side's points are lit, bool[210, 160]."""
    lit = np.zeros((ROWS, COLUMNS), bool)
    text = str(min(score, POINTS_TO_WIN - 1))  # the winning point is never shown
    for place, character in enumerate(text.rjust(2)):
        if character != " ":
            left = column + 16 * place
            lit[SCORE_ROW : SCORE_ROW + 20, left : left + 12] = screen.digit(character, 4)
    return lit


def _points_grey(colour: tuple[int, int, int], column: int) -> np.ndarray:
    """What each number of points adds to the field's first nine rows, float32[22, 9, 84]."""
    scores = range(POINTS_TO_WIN + 1)
    tables = [screen.shrink(_points(score, column) * _brighter(colour))[:9] for score in scores]
    return np.array(tables, np.float32)


_FIELD = _field()
_FIELD_GREY = screen.shrink(screen.grey(_FIELD)).astype(np.float32)
_POINTS = tuple(_points_grey(*side) for side in zip((OPPONENT, PLAYER), SCORE_COLUMNS, strict=True))
