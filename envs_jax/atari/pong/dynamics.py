"""The rules of Pong as pure functions, one frame of the console (1/60 s) at a time.

They are integer rules, measured on the original: its memory was recorded and written to with ale-py, so
coordinates are those of its memory. x grows to the right: the ball covers the screen's columns ``x - 49`` and
``x - 48``. y grows downwards: it covers the rows from ``y - 14`` to ``y - 11``.

Shapes are those of one game; `jax.vmap` adds the batch.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax.atari.console import KNOB_START, Params, turn
from envs_jax.environment import EnvState

NOOP, FIRE, RIGHT, LEFT, RIGHT_FIRE, LEFT_FIRE = range(6)
"""ALE's minimal actions. Right moves the paddle up."""
TURNS = (0, 0, -1, 1, -1, 1)
FIRES = (0, 1, 0, 0, 1, 1)

POINTS_TO_WIN = 21
ABSENT = 0
"""The ball's y where there is no ball."""
SERVE_PAUSE = 63
"""Frames from the one in which a point is scored to the one in which the next ball is served."""
CENTRE = 128
"""Both coordinates of a ball before its first frame, and y of the opponent in that frame."""
TOP_WALL, BOTTOM_WALL = 45, 206
"""A ball that far up or down turns back."""
LEFT_GOAL, RIGHT_GOAL = 52, 205
OPPONENT_REACH, PLAYER_REACH = (64, 68), (188, 192)
"""x of a ball that shares a column with a paddle."""
OPPONENT_OFFSETS, PLAYER_OFFSETS = (-4, 14), (-2, 15)
"""y of a ball that a paddle hits, less the paddle's y (the player's, rounded up to an even number)."""
OPPONENT_SPEED = 2
MAX_SPEED = 4

# fmt: off
KNOB_TO_PADDLE = np.array([
    38, 38, 38, 38, 38, 38, 38, 38, 38, 38, 38, 38, 38, 38, 40, 42, 44, 46, 48, 50, 52, 54, 54, 58, 60,
    60, 64, 66, 66, 68, 72, 72, 74, 78, 78, 80, 82, 84, 86, 88, 90, 92, 94, 96, 98, 100, 102, 104, 106,
    106, 110, 112, 112, 114, 118, 118, 120, 124, 124, 126, 128, 130, 132, 134, 136, 138, 140, 142, 144,
    146, 148, 150, 152, 152, 156, 158, 158, 162, 164, 164, 166, 170, 170, 172, 174, 176, 178, 180, 182,
    184, 186, 188, 190, 192, 194, 196, 198, 198, 202, 204, 204,
], np.int32)
"""Where the paddle is drawn to by each place of the knob, y, int32[101]."""
# fmt: on


class Sprites(struct.PyTreeNode):
    """What moves on the screen.

    Attributes:
      ball: x and y, int32[2]; y is `ABSENT` where there is no ball.
      opponent: y of the left paddle, even, int32[]. It covers the rows ``y - 15`` to ``y``.
      paddle: y of the player's, int32[]. It covers 16 rows from ``y - 14``, or from ``y - 13`` if y is odd.
    """

    ball: jax.Array
    opponent: jax.Array
    paddle: jax.Array


class State(EnvState):
    """One game.

    Attributes:
      time: Steps since the reset, int32[].
      sprites: What the last frame shows.
      before: What the frame before it showed.
      velocity: Pixels per frame by which the ball moves right and down, int32[2].
      pause: Frames until the next ball is served, 0 while one is in play, int32[].
      knob: Place of the player's knob, see `console.turn`, int32[].
      fires: 1 where the fire button was held in the last frame, otherwise 0, int32[].
      paddle_next: y of the player's paddle from the next odd frame on, int32[].
      score: Points of the opponent and of the player, int32[2].
      clock: Frames counted by the game, modulo 256, int32[].
    """

    sprites: Sprites
    before: Sprites
    velocity: jax.Array
    pause: jax.Array
    knob: jax.Array
    fires: jax.Array
    paddle_next: jax.Array
    score: jax.Array
    clock: jax.Array


def reset(noops: jax.Array) -> State:
    """A game ``noops`` frames after its start, when the first ball is still to be served.

    Args:
      noops: Less than 59, int32[].
    """
    # The opponent hides above the screen: it leaves y = 22 for 0, where it pauses in every eighth frame.
    moves = noops - (noops + 6) // 8
    sprites = Sprites(
        ball=jnp.array([ABSENT, ABSENT]),
        opponent=jnp.maximum(22 - OPPONENT_SPEED * moves, 0),
        paddle=jnp.int32(109),
    )
    return State(
        time=jnp.int32(0),
        sprites=sprites,
        before=sprites,
        velocity=jnp.array([-1, 1]),
        pause=59 - noops,
        knob=jnp.int32(KNOB_START),
        fires=jnp.int32(0),
        paddle_next=jnp.int32(109),
        score=jnp.zeros(2, jnp.int32),
        clock=71 + noops,
    )


def step(state: State, action: jax.Array, params: Params) -> tuple[State, jax.Array]:
    """Holds an action for ``params.frame_skip`` frames.

    Args:
      state: Before the step.
      action: `NOOP` to `LEFT_FIRE`, int[].
      params: Read for its frame skip.

    Returns:
      The next state and the reward, float32[]: points won less points lost.
    """
    before = points(state)
    state = jax.lax.fori_loop(0, params.frame_skip, lambda _, state: frame(state, action), state)
    return state.replace(time=state.time + 1), (points(state) - before).astype(jnp.float32)


def frame(state: State, action: jax.Array) -> State:
    """The game one frame later; ``time``, which counts steps, stays."""
    seen = state.sprites
    clock = (state.clock + 1) % 256
    knob = turn(state.knob, jnp.asarray(TURNS)[action])
    # Every second frame reads the knob; the paddle goes half of the way in the frame after it.
    reads = clock % 2 == 0
    halfway = (seen.paddle + jnp.asarray(KNOB_TO_PADDLE)[knob]) // 2
    paddle = jnp.where(reads, seen.paddle, state.paddle_next)

    in_play = state.pause == 0
    x = seen.ball[0]
    lost, won = in_play & (x >= RIGHT_GOAL), in_play & (x <= LEFT_GOAL)
    scored = lost | won
    pause = jnp.where(scored, SERVE_PAUSE, jnp.maximum(state.pause - 1, 0))
    served = ~in_play & (pause == 0)

    velocity, ball = _move(seen, state.velocity, state.fires)
    serve = jnp.where(state.velocity < 0, -1, 1)  # towards who lost the point
    velocity = jnp.where(served, serve, jnp.where(in_play & ~scored, velocity, state.velocity))
    resting = jnp.where(scored, seen.ball, jnp.array([0, ABSENT]))
    ball = jnp.where(served, CENTRE + serve, jnp.where(in_play & ~scored, ball, resting))

    opponent = jnp.where(served, CENTRE, seen.opponent)
    follows = clock % 8 != 1
    opponent = opponent + jnp.where(follows, OPPONENT_SPEED * jnp.sign(ball[1] - opponent), 0)
    return state.replace(
        sprites=Sprites(ball=ball, opponent=opponent, paddle=paddle),
        before=seen,
        velocity=velocity,
        pause=pause,
        knob=knob,
        fires=jnp.asarray(FIRES)[action],
        paddle_next=jnp.where(reads, halfway, state.paddle_next),
        score=state.score + jnp.stack([lost, won]),
        clock=clock,
    )


def points(state: State) -> jax.Array:
    """Points won less points lost so far, int32[]."""
    return state.score[1] - state.score[0]


def is_over(state: State) -> jax.Array:
    """Whether either side has won, bool[]."""
    return (state.score >= POINTS_TO_WIN).any()


def paddle_top(paddle: jax.Array) -> jax.Array:
    """First row of the player's paddle, int32[]: rows are drawn in pairs."""
    return paddle - 14 + paddle % 2


def opponent_top(opponent: jax.Array) -> jax.Array:
    """First row of the opponent's paddle, int32[]."""
    return opponent - 15


def _move(seen: Sprites, velocity: jax.Array, fires: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Velocity and place of a ball in play, one frame later; both int32[2]."""
    x, y = seen.ball
    dx, dy = velocity
    # A ball in a wall meets no paddle. The wall sends it back one pixel further than it came.
    down = (y <= TOP_WALL).astype(jnp.int32)
    up = (y >= BOTTOM_WALL).astype(jnp.int32)
    free = (down + up) == 0
    player, opponent = y - seen.paddle - seen.paddle % 2, y - seen.opponent
    by_player = free & _within(x, PLAYER_REACH) & _within(player, PLAYER_OFFSETS)
    by_opponent = free & _within(x, OPPONENT_REACH) & _within(opponent, OPPONENT_OFFSETS)
    # The player's fire button makes the ball faster, for both sides until the point is decided.
    hard = jnp.minimum(jnp.abs(dx) + fires, MAX_SPEED)
    dx = jnp.where(by_player, -hard, jnp.where(by_opponent, jnp.abs(dx), dx))
    dy = jnp.where(by_player, _angle(y - seen.paddle), jnp.where(by_opponent, _angle(opponent), dy))
    dy = jnp.where(free, dy, (down - up) * jnp.abs(dy))
    return jnp.stack([dx, dy]), jnp.stack([x + dx, y + dy + down - up])


def _angle(offset: jax.Array) -> jax.Array:
    """Pixels per frame downwards of a ball that was hit so far below its paddle's y, int32[]."""
    return (offset + 3) // 4 - 2


def _within(x: jax.Array, bounds: tuple[int, int]) -> jax.Array:
    return (bounds[0] <= x) & (x <= bounds[1])
