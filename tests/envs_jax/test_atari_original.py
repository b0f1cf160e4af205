"""The rules and pictures of Pong and Breakout against the games themselves."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("ale_py", reason="ALE is not installed (pip install 'iam-jax[atari]')")

from envs_jax.atari.agreement import GAMES, PLAYERS, compare, play
from envs_jax.atari.breakout import dynamics as breakout
from envs_jax.atari.console import turn
from envs_jax.atari.original import Original
from envs_jax.atari.pong import dynamics as pong

CASES = [(game, player) for game in GAMES for player in (*PLAYERS[game], "wandering")]


@functools.cache
def traces(game, player):
    return [play(game, player, np.random.default_rng(1), limit=500)]


@pytest.mark.parametrize(("game", "player"), CASES)
def test_rules_replay_the_original(game, player):
    agreement = compare(game, player, traces(game, player))
    assert agreement.ball == agreement.velocity == agreement.paddle == agreement.other == 0, agreement
    assert agreement.rewards == agreement.endings == 0, agreement
    assert agreement.grey < 0.02 and agreement.exact_pictures > 0.3, agreement


@pytest.mark.slow
@pytest.mark.parametrize(("game", "player"), CASES)
def test_rules_replay_whole_games(game, player):
    rng = np.random.default_rng(7)
    agreement = compare(game, player, [play(game, player, rng) for _ in range(5)])
    assert agreement.ball == agreement.velocity == agreement.paddle == agreement.other == 0, agreement
    assert agreement.rewards == agreement.endings == 0, agreement


def test_replay_rejects_an_opponent_that_never_rests(monkeypatch):
    frame = pong.frame

    def restless(state, action):
        after = frame(state.replace(clock=jnp.int32(3)), action)
        return after.replace(clock=(state.clock + 1) % 256)

    monkeypatch.setattr(pong, "frame", restless)
    assert compare("pong", "wandering", traces("pong", "wandering")).other > 100


def test_replay_rejects_a_paddle_whose_middle_is_too_small(monkeypatch):
    monkeypatch.setattr(breakout, "MIDDLE", 3)
    assert compare("breakout", "wandering", traces("breakout", "wandering")).ball > 100


@pytest.mark.parametrize("game", GAMES)
def test_every_place_of_the_knob_is_where_the_original_draws_the_paddle_to(game):
    rules = GAMES[game].rules
    original = Original(game)
    original.reset()
    frame = jax.jit(rules.frame)
    state = rules.reset(jnp.int32(0))
    places = set()
    for first in (2, 3):
        for action in (first, 5 - first, first):
            for t in range(80):
                held = action if t % 2 else 0
                original.frame(held)
                state = frame(state, held)
                assert state.sprites.paddle == original.snapshot().paddle
                places.add(int(state.knob))
        original.reset()
        state = rules.reset(jnp.int32(0))
    assert places == set(range(101)) and turn(jnp.int32(100), 1) == 100
