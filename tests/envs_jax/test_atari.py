"""Pong and Breakout without ALE: their rules, their pictures, and the contract's details."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from envs_jax import make
from envs_jax.atari import Breakout, Params, Pong, screen
from envs_jax.atari.breakout import draw as breakout_draw
from envs_jax.atari.breakout import dynamics as breakout
from envs_jax.atari.breakout.dynamics import PIXEL
from envs_jax.atari.pong import draw as pong_draw
from envs_jax.atari.pong import dynamics as pong

GAMES = {"pong": Pong(), "breakout": Breakout()}
pong_frame = jax.jit(pong.frame)
breakout_frame = jax.jit(breakout.frame)


@functools.cache
def step(game):
    return jax.jit(GAMES[game].rules.step)


def pong_state(x, y, dx, dy, **changes):
    state = pong.reset(jnp.int32(0))
    sprites = state.sprites.replace(ball=jnp.array([x, y]))
    return state.replace(sprites=sprites, velocity=jnp.array([dx, dy]), pause=jnp.int32(0), **changes)


def breakout_state(x, y, dx, dy, bricks=True, **changes):
    state = breakout.reset(jnp.int32(0))
    ball = jnp.array([x, y]) * PIXEL
    bricks = jnp.broadcast_to(jnp.asarray(bricks), state.sprites.bricks.shape)
    velocity = jnp.array([int(dx * PIXEL), int(dy * PIXEL)])
    return state.replace(
        sprites=state.sprites.replace(ball=ball, bricks=bricks), velocity=velocity, **changes
    )


def velocity_of(state):
    return tuple(np.asarray(state.velocity) / PIXEL)


def test_pong_serves_towards_the_opponent_after_a_second():
    state = pong.reset(jnp.int32(0))
    for _ in range(58):
        state = pong_frame(state, 0)
        assert state.sprites.ball[1] == pong.ABSENT
    state = pong_frame(state, 0)
    assert state.sprites.ball.tolist() == [127, 129] and state.velocity.tolist() == [-1, 1]


@pytest.mark.parametrize("noops", [0, 1, 7, 8, 30])
def test_pong_starts_as_after_that_many_frames_without_action(noops):
    state = pong.reset(jnp.int32(0))
    for _ in range(noops):
        state = pong_frame(state, 0)
    jump = pong.reset(jnp.int32(noops))
    jump = jump.replace(before=state.before)
    jax.tree.map(np.testing.assert_array_equal, jump, state)


@pytest.mark.parametrize(("offset", "dy"), [(0, -2), (1, -1), (4, -1), (5, 0), (9, 1), (12, 1), (13, 2)])
def test_pong_paddle_turns_the_ball_by_where_it_is_hit(offset, dy):
    state = pong_frame(pong_state(188, 109 + offset, 1, 1), 0)
    assert state.velocity.tolist() == [-1, dy]
    assert state.sprites.ball.tolist() == [187, 109 + offset + dy]


def test_pong_fire_held_at_the_hit_makes_the_ball_faster_up_to_four():
    for before, after in ((1, 2), (3, 4), (4, 4)):
        fired = pong_frame(pong_state(188, 115, before, 1, fires=jnp.int32(1)), 0)
        assert fired.velocity[0] == -after
    assert pong_frame(pong_state(188, 115, 3, 1), 1).velocity[0] == -3  # pressed too late


def test_pong_ball_misses_a_paddle_elsewhere():
    assert pong_frame(pong_state(188, 60, 1, 1), 0).velocity.tolist() == [1, 1]


@pytest.mark.parametrize(("y", "dy", "after"), [(45, -1, 47), (44, -2, 47), (207, 2, 204), (206, 1, 204)])
def test_pong_walls_turn_the_ball_back(y, dy, after):
    state = pong_frame(pong_state(120, y, 1, dy), 0)
    assert state.velocity.tolist() == [1, -dy] and state.sprites.ball[1] == after


@pytest.mark.parametrize(("x", "reward"), [(205, -1), (52, 1)])
def test_pong_pays_a_point_and_serves_to_the_loser(x, reward):
    dx = 1 if x > 128 else -1
    state, paid = step("pong")(pong_state(x, 100, dx, 2), 0, Params())
    assert paid == reward and state.pause == 60 and state.sprites.ball[1] == pong.ABSENT
    for _ in range(15):
        state, paid = step("pong")(state, 0, Params())
        assert paid == 0
    assert state.velocity.tolist() == [dx, 1] and state.sprites.ball.tolist() == [128 + dx, 129]


@pytest.mark.parametrize("side", [0, 1])
def test_pong_ends_at_21_points(side):
    env, params = make("pong")
    state = pong_state(205 if side == 0 else 52, 100, 1 if side == 0 else -1, 1)
    state = state.replace(score=jnp.array([20, 20]))
    _, after, reward, terminated, truncated, _ = env.step(jax.random.key(0), state, 0, params)
    assert terminated and not truncated and reward == (-1, 1)[side]
    assert after.score.tolist() == [0, 0] and after.time == 0


def test_pong_opponent_follows_and_rests_in_every_eighth_frame():
    state = pong_state(120, 150, 0, 0)
    state = state.replace(sprites=state.sprites.replace(opponent=jnp.int32(100)))
    moves = []
    for _ in range(16):
        after = pong_frame(state, 0)
        moves.append(int(after.sprites.opponent - state.sprites.opponent))
        state = after
    assert sorted(moves) == [0, 0] + [2] * 14 and moves.index(0) + 8 == 15 - moves[::-1].index(0)


@pytest.mark.parametrize(("action", "end"), [(pong.RIGHT, 38), (pong.LEFT_FIRE, 203)])
def test_pong_paddle_reaches_the_ends(action, end):
    state = pong.reset(jnp.int32(0))
    for _ in range(50):
        state = pong_frame(state, action)
    assert state.sprites.paddle == end


def test_breakout_waits_for_fire_and_serves_by_the_clock():
    state = breakout.reset(jnp.int32(0))
    state, _ = step("breakout")(state, breakout.LEFT, Params())
    assert state.sprites.ball[1] == 0
    served = []
    for noops in range(4):
        ball = breakout_frame(breakout.reset(jnp.int32(noops)), breakout.FIRE)
        served.append((int(ball.sprites.ball[0]) // PIXEL, velocity_of(ball)))
    assert served == [(127, (-1, 1)), (129, (1, 1)), (191, (-1, 1)), (65, (1, 1))]


@pytest.mark.parametrize(
    ("offset", "hits", "velocity"),
    [
        (1, 0, (-1.5, -1)),
        (4, 0, (-1, -1.5)),
        (9, 0, (1, -1.5)),
        (13, 0, (1.5, -1)),
        (17, 2, (1.5, -1)),
        (9, 3, (0.5, -2)),
        (17, 6, (1.5, -2)),
        (9, 7, (2, -1)),
        (9, 11, (2, -2)),
        (9, 12, (2, -2)),
        (9, breakout.FAST, (2, -3.375)),
    ],
)
def test_breakout_paddle_turns_the_ball_by_where_and_how_often_it_was_hit(offset, hits, velocity):
    state = breakout_frame(breakout_state(146 + offset, 178, 1, 1, hits=jnp.int32(hits)), 0)
    assert velocity_of(state) == velocity


@pytest.mark.parametrize("offset", [0, 18])
def test_breakout_ball_beside_the_paddle_falls(offset):
    assert velocity_of(breakout_frame(breakout_state(146 + offset, 178, 1, 1), 0)) == (1, 1)


@pytest.mark.parametrize(("row", "points"), list(enumerate(breakout.POINTS)))
def test_breakout_brick_pays_by_its_row_and_high_ones_make_the_ball_fast(row, points):
    bricks = np.arange(6)[:, None] >= row
    y = 84 - 6 * row
    state, paid = step("breakout")(breakout_state(150, y, 1, -1, bricks), 0, Params())
    assert paid == points
    assert not state.sprites.bricks[row, 11] and state.sprites.bricks.sum() == 18 * (6 - row) - 1
    assert state.velocity[1] == int((3.375 if row >= 3 else 1) * PIXEL)


def test_breakout_ball_breaks_one_brick_until_paddle_or_top_wall():
    state = breakout_state(150, 84, 0, -1, armed=jnp.array(False))
    for _ in range(20):
        state = breakout_frame(state, 0)
    assert state.sprites.bricks.all()
    state = breakout_frame(breakout_state(150, 24, 0, -1, armed=jnp.array(False)), 0)
    assert state.armed and state.velocity[1] > 0


def test_breakout_top_wall_makes_the_paddle_narrow_until_the_ball_is_lost():
    state = breakout_frame(breakout_state(150, 24, 1, -1), 0)
    assert state.sprites.half == breakout.NARROW
    lost = breakout_state(150, 208, 1, 1)
    lost = lost.replace(sprites=state.sprites.replace(ball=lost.sprites.ball), hits=jnp.int32(5))
    lost = breakout_frame(lost, 0)
    assert lost.sprites.half == breakout.WIDE and lost.lives == 4 and lost.hits == 0


def test_breakout_side_walls_turn_the_ball_back():
    assert velocity_of(breakout_frame(breakout_state(56, 120, -2, 1), 0)) == (2, 1)
    assert velocity_of(breakout_frame(breakout_state(200, 120, 2, 1), 0)) == (-2, 1)


def test_breakout_cleared_wall_comes_back_once():
    for score, left in ((432, 108), (864, 0)):
        state = breakout_state(150, 178, 1, 1, bricks=False, score=jnp.int32(score))
        assert breakout_frame(state, 0).sprites.bricks.sum() == left


@pytest.mark.slow
def test_breakout_ends_with_the_fifth_ball():
    env, params = make("breakout")
    state = breakout_state(150, 208, 1, 1, lives=jnp.int32(1))
    _, after, reward, terminated, truncated, _ = env.step(jax.random.key(0), state, 1, params)
    assert terminated and not truncated and reward == 0 and after.lives == 5
    state = breakout_state(150, 208, 1, 1, lives=jnp.int32(2))
    assert not env.step(jax.random.key(0), state, 1, params)[3]


@functools.cache
def played(game):
    """States of a game that the reference policy plays, every 23rd of some minutes."""
    env = GAMES[game]
    policy = env.policies()["follow the ball"]

    @jax.jit
    def run(state):
        def one(state, key):
            state, _ = env.rules.step(state, policy(key, state, Params()), Params())
            return state, state

        return jax.lax.scan(one, state, jax.random.split(jax.random.key(0), 700))[1]

    states = run(env.rules.reset(jnp.int32(3)))
    return [jax.tree.map(lambda x, t=t: x[t], states) for t in range(0, 700, 23)]


@pytest.mark.parametrize("game", GAMES)
def test_picture_is_the_screen_reduced_by_area(game):
    draw = jax.jit(GAMES[game].pictures.draw)
    for state in played(game):
        if game == "pong":
            frames = [pong_draw.paint(s, np.asarray(state.score)) for s in (state.before, state.sprites)]
        else:
            numbers = int(state.score), int(state.lives)
            frames = [breakout_draw.paint(s, *numbers) for s in (state.before, state.sprites)]
        wanted = screen.shrink(np.max([screen.grey(frame) for frame in frames], axis=0))
        apart = np.abs(np.asarray(draw(state))[..., 0] - wanted)
        # A ball upon a brick or a paddle is drawn a little too bright or too dark.
        assert (apart > 1).sum() <= 12 and apart.mean() < 0.05


@pytest.mark.parametrize("game", GAMES)
def test_every_start_shows_the_same_picture(game):
    env = GAMES[game]
    pictures = [env.pictures.draw(env.rules.reset(jnp.int32(noops))) for noops in (0, 7, 30)]
    assert all(np.array_equal(picture, pictures[0]) for picture in pictures)


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.slow
def test_observations_are_bytes_and_batches_agree_with_single_games(game):
    env, params = make(game, max_steps_in_episode=3)
    keys = jax.random.split(jax.random.key(0), 2)
    obs, states = jax.vmap(env.reset, (0, None))(keys, params)
    assert obs.shape == (2, 84, 84, 1) and obs.dtype == jnp.uint8
    batch = jax.vmap(env.step, (0, 0, 0, None))
    for t in range(3):
        actions = jnp.array([t % 2, 2])
        single = env.step(keys[1], jax.tree.map(lambda x: x[1], states), actions[1], params)
        obs, states, *rest = batch(keys, states, actions, params)
        jax.tree.map(lambda x, y: np.testing.assert_array_equal(x[1], y), (obs, states, *rest), single)
    assert rest[2].all() and not rest[1].any()  # the time limit truncates


@pytest.mark.parametrize("game", GAMES)
def test_render_is_the_last_frame_enlarged(game):
    state = played(game)[-1]
    picture = GAMES[game].render(state)
    assert picture.shape == (420, 640, 3) and picture.dtype == np.uint8


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"frames": 4}, "there is no 'frames'"),
        ({"frame_skip": 1}, "frame_skip must be a whole number from 2 to 60, not 1"),
        ({"max_noops": 59}, "from 0 to 58"),
        ({"max_noops": True}, "whole number"),
    ],
)
def test_impossible_arguments_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        make("pong", **arguments)


def test_frame_skip_holds_the_action():
    env, params = make("pong", frame_skip=2)
    state = env.rules.reset(jnp.int32(0))
    assert env.rules.step(state, 0, params)[0].clock - state.clock == 2
