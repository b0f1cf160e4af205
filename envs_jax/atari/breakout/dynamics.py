"""The rules of Breakout as pure functions, one frame of the console (1/60 s) at a time.

They are integer rules, measured on the original: its memory was recorded and written to with ale-py, so
coordinates are those of its memory, the ball's in 1/256 pixel. x grows to the right: the ball covers the
screen's columns ``x - 49`` and ``x - 48``. y grows downwards.

Shapes are those of one game; `jax.vmap` adds the batch.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax.atari.console import KNOB_LAST, KNOB_START, Params, turn
from envs_jax.environment import EnvState

NOOP, FIRE, RIGHT, LEFT = range(4)
"""ALE's minimal actions."""
TURNS = (0, 0, -1, 1)

LIVES = 5
BRICK_ROWS, BRICK_COLUMNS = 6, 18
POINTS = (1, 1, 4, 4, 7, 7)
"""What a brick of each row is worth, from the lowest row."""
FAST_ROWS = 3
"""A brick of this row or a higher one makes the ball fast until it is lost."""
PIXEL = 256
"""Units of the ball's place and velocity per pixel."""

ABSENT = 0
"""The ball's y in pixels where there is no ball."""
LEFT_WALL, RIGHT_WALL, TOP_WALL = 56, 200, 24
"""x or y in pixels of a ball that turns back."""
SIDE_WALLS_END = 186
"""Last y in pixels of a ball that the walls to the left and the right turn back."""
WALLS = 2
"""How often the bricks are there: a cleared wall is replaced at the next hit by the paddle, once."""
PADDLE_ROWS = (177, 183)
"""y in pixels of a ball that shares a row with the paddle."""
LOST = 208
"""y in pixels of a ball that is gone."""
PADDLE_RANGE = (55, 191)
WIDE, NARROW = 8, 6
"""Half of the paddle's width before the ball first reaches the top wall, and from then on."""
SERVE_Y = 112
SERVES = np.array([(64, 1), (128, -1), (128, 1), (192, -1)])
"""x in pixels from which the ball is served and its direction, by the clock modulo 4."""

SPEEDS = np.array([
    # Pixels per frame sideways and downwards: a ball hit near the paddle's ends, and near its middle.
    ((1.5, 1.0), (1.0, 1.5)),  # before the 4th hit by the paddle
    ((1.5, 2.0), (0.5, 2.0)),  # before the 8th
    ((2.0, 1.0), (2.0, 1.0)),  # before the 12th
    ((2.0, 2.0), (2.0, 2.0)),  # from the 12th
    ((2.0, 3.375), (2.0, 3.375)),  # fast
])  # fmt: skip
LAST_HIT, FAST = 12, 16
"""Hits are counted up to the 12th; `FAST` in their place says that the ball is fast."""
MIDDLE = 4
"""Hits up to so many pixels from the paddle's middle count as near it."""

# fmt: off
KNOB_READING = np.array([
    0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 12, 16, 18, 18, 22, 24, 24, 26, 28, 30, 32, 34, 34, 38, 40, 40, 44, 46,
    46, 48, 50, 52, 54, 56, 58, 60, 62, 64, 66, 68, 68, 72, 74, 74, 76, 80, 80, 82, 84, 86, 88, 90, 92,
    94, 96, 98, 100, 102, 104, 106, 108, 108, 112, 114, 114, 116, 120, 120, 122, 126, 126, 128, 130, 132,
    134, 136, 138, 140, 142, 144, 146, 148, 150, 152, 154, 154, 158, 160, 160, 164, 166, 166, 168, 172,
    172, 174, 178, 178, 180, 182, 184,
], np.int32)
# fmt: on
KNOB_TO_PADDLE = 234 - KNOB_READING
"""Where the paddle is drawn to by each place of the knob, x, int32[101]."""
assert len(KNOB_READING) == KNOB_LAST + 1


class Sprites(struct.PyTreeNode):
    """What changes on the screen.

    Attributes:
      ball: x and y in 1/256 pixel, int32[2]; its whole y is `ABSENT` where there is no
        ball.
      paddle: x, int32[]. It covers the columns from ``x - 47``.
      half: Half of its width in pixels, `WIDE` or `NARROW`, int32[].
      bricks: Which are left, from the lowest row up and from left to right, bool[6, 18].
    """

    ball: jax.Array
    paddle: jax.Array
    half: jax.Array
    bricks: jax.Array


class State(EnvState):
    """One game.

    Attributes:
      time: Steps since the reset, int32[].
      sprites: What the last frame shows.
      before: What the frame before it showed.
      velocity: 1/256 pixels by which the ball moves right and down in a frame, int32[2].
      hits: Hits by the paddle since the serve, up to `LAST_HIT`, or `FAST`, int32[].
      middle: Whether the last of them was near the paddle's middle, bool[].
      armed: Whether the ball breaks bricks: not between a brick and the next paddle or top wall, bool[].
      knob: Place of the player's knob, see `console.turn`, int32[].
      score: Points, int32[].
      lives: Balls left, the one in play included, int32[].
      clock: Frames counted by the game, modulo 256, int32[].
    """

    sprites: Sprites
    before: Sprites
    velocity: jax.Array
    hits: jax.Array
    middle: jax.Array
    armed: jax.Array
    knob: jax.Array
    score: jax.Array
    lives: jax.Array
    clock: jax.Array


def reset(noops: jax.Array) -> State:
    """A game ``noops`` frames after its start, when it waits for the first serve.

    Args:
      noops: Less than 256, int32[].
    """
    sprites = Sprites(
        ball=jnp.array([0, ABSENT]),
        paddle=jnp.int32(146),
        half=jnp.int32(WIDE),
        bricks=jnp.ones((BRICK_ROWS, BRICK_COLUMNS), bool),
    )
    return State(
        time=jnp.int32(0),
        sprites=sprites,
        before=sprites,
        velocity=jnp.array([0, 0]),
        hits=jnp.int32(0),
        middle=jnp.array(False),
        armed=jnp.array(True),
        knob=jnp.int32(KNOB_START),
        score=jnp.int32(0),
        lives=jnp.int32(LIVES),
        clock=jnp.int32(noops),
    )


def step(state: State, action: jax.Array, params: Params) -> tuple[State, jax.Array]:
    """Holds an action for ``params.frame_skip`` frames.

    Args:
      state: Before the step.
      action: `NOOP` to `LEFT`, int[].
      params: Read for its frame skip.

    Returns:
      The next state and the reward, the points won, float32[].
    """
    before = points(state)
    state = jax.lax.fori_loop(0, params.frame_skip, lambda _, state: frame(state, action), state)
    return state.replace(time=state.time + 1), (points(state) - before).astype(jnp.float32)


def frame(state: State, action: jax.Array) -> State:
    """The game one frame later; ``time``, which counts steps, stays."""
    clock = (state.clock + 1) % 256
    y = state.sprites.ball[1] // PIXEL
    present = y != ABSENT
    lost = present & (y >= LOST)
    served = ~present & (action == FIRE) & (state.lives > 0)
    flown = _fly(state)

    x, direction = jnp.asarray(SERVES)[clock % 4]
    velocity = jnp.where(served, PIXEL * jnp.stack([direction, jnp.int32(1)]), flown.velocity)
    here = served | (present & ~lost)
    fraction = state.sprites.ball % PIXEL  # outlives the ball
    serve = PIXEL * jnp.stack([x, jnp.int32(SERVE_Y)]) + fraction + velocity
    ball = jnp.where(served, serve, jnp.where(here, flown.sprites.ball, fraction))
    paddle = (state.sprites.paddle + jnp.asarray(KNOB_TO_PADDLE)[state.knob] + 1) // 2
    half = jnp.where(here, flown.sprites.half, WIDE)
    return flown.replace(
        sprites=flown.sprites.replace(ball=ball, paddle=jnp.clip(paddle, *PADDLE_RANGE), half=half),
        before=state.sprites,
        velocity=jnp.where(here, velocity, 0),
        hits=jnp.where(here & ~served, flown.hits, 0),
        armed=flown.armed | ~here | served,
        knob=turn(state.knob, jnp.asarray(TURNS)[action]),
        lives=state.lives - lost,
        clock=clock,
    )


def points(state: State) -> jax.Array:
    """Points won so far, int32[]."""
    return state.score


def is_over(state: State) -> jax.Array:
    """Whether the last ball is lost, bool[]."""
    return state.lives <= 0


def _fly(state: State) -> State:
    """The ball one frame later, with what it hits; all of this means nothing where there is no ball."""
    seen = state.sprites
    x, y = seen.ball // PIXEL
    present = y != ABSENT
    dx, dy = state.velocity
    top = present & (y <= TOP_WALL)
    offset = x - seen.paddle
    on_paddle = (PADDLE_ROWS[0] <= y) & (y <= PADDLE_ROWS[1]) & (dy > 0)
    on_paddle &= (offset >= 1) & (offset <= 2 * seen.half + 1)
    row, column, hit = _brick(seen.bricks, x, y)
    hit &= present & state.armed & ~top

    hits = jnp.where(on_paddle & (state.hits < LAST_HIT), state.hits + 1, state.hits)
    hits = jnp.where(hit & (row >= FAST_ROWS), FAST, hits)
    middle = jnp.where(on_paddle, jnp.abs(offset - seen.half) <= MIDDLE, state.middle)
    level = jnp.where(hits == FAST, 4, hits // 4)
    speed = jnp.asarray(SPEEDS * PIXEL, jnp.int32)[level, middle.astype(jnp.int32)]
    fast_x, fast_y = jnp.where(on_paddle | hit, speed, jnp.abs(state.velocity))
    right, down = dx >= 0, dy >= 0
    right = jnp.where(on_paddle, offset > seen.half, right)
    beside = y <= SIDE_WALLS_END
    right = (right | (beside & (x <= LEFT_WALL))) & ~(beside & (x >= RIGHT_WALL))
    down = jnp.where(top, True, jnp.where(on_paddle, False, down ^ hit))
    velocity = jnp.stack([jnp.where(right, fast_x, -fast_x), jnp.where(down, fast_y, -fast_y)])
    # A ball on the very middle of the paddle is first moved back by four pixels.
    centred = on_paddle & (offset == seen.half)
    aside = jnp.where(centred, jnp.where(dx > 0, -4 * PIXEL, 4 * PIXEL), 0)

    wall = BRICK_COLUMNS * sum(POINTS)
    refilled = on_paddle & ~seen.bricks.any() & (state.score < WALLS * wall)
    gone = hit & (jnp.arange(BRICK_ROWS) == row)[:, None] & (jnp.arange(BRICK_COLUMNS) == column)
    return state.replace(
        sprites=seen.replace(
            ball=seen.ball + velocity + jnp.stack([aside, 0]),
            half=jnp.where(top, NARROW, seen.half),
            bricks=(seen.bricks & ~gone) | refilled,
        ),
        velocity=velocity,
        hits=hits,
        middle=middle,
        armed=jnp.where(top | on_paddle, True, state.armed & ~hit),
        score=state.score + jnp.where(hit, jnp.asarray(POINTS)[row], 0),
    )


def _brick(bricks: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Row and column of the brick that a ball breaks, and whether there is one: int32[], int32[], bool[].

    The game is told that the ball overlaps bricks, and finds out which one from the ball's left column and
    from the row above it: that brick may be gone and the overlapping one another, which then stays.
    """
    rows, columns = jnp.arange(BRICK_ROWS)[:, None], jnp.arange(BRICK_COLUMNS)
    first, last = y + 8, y + 11  # the ball's rows on the screen
    bottom, left = 92 - 6 * rows, 8 + 8 * columns
    touched = (first <= bottom) & (last >= bottom - 5) & (x - 48 >= left) & (x - 49 <= left + 7)
    row = jnp.clip((85 - y) // 6, 0, BRICK_ROWS - 1)
    top_row = row == BRICK_ROWS - 1  # its columns begin one pixel further right
    column = jnp.clip((x - 57 - top_row) // 8, 0, BRICK_COLUMNS - 1)
    there = (bricks & (rows == row) & (columns == column)).any()
    return row, column, there & (bricks & touched).any()
