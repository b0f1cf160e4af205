"""Battleship, rule by rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs_jax
from envs_jax.battleship import SHIPS, State, hunt_and_target, lay
from envs_jax.reference import policy_returns, recorded

ENV, PARAMS = envs_jax.make("battleship-10")


def sea(*cells, size=10):
    found = np.zeros((size, size), bool)
    for row, column in cells:
        found[row, column] = True
    return jnp.array(found)


def game(ships, shots=()):
    return State(
        time=jnp.int32(0), ships=sea(*ships), shots=sea(*shots), last=jnp.int32(-1), hit=jnp.array(False)
    )


def shoot(state, row, column):
    return ENV.advance(jnp.zeros(8), state, 10 * row + column, PARAMS)


def test_a_shot_costs_one_and_the_last_hit_earns_the_number_of_cells():
    state, reward = shoot(game([(2, 3), (2, 4)]), 2, 3)
    assert reward == -1 and state.hit and not ENV.is_terminated(state, PARAMS)
    state, reward = shoot(state, 5, 5)
    assert reward == -1 and not state.hit and state.time == 2
    state, reward = shoot(state, 2, 3)
    assert reward == -1 and not state.hit, "a cell is hit twice"
    state, reward = shoot(state, 2, 4)
    assert reward == 100 and state.hit and ENV.is_terminated(state, PARAMS)


def test_the_observation_is_the_last_shot_and_whether_it_hit():
    state = game([(2, 3), (2, 4)])
    np.testing.assert_array_equal(ENV.observe(state, PARAMS), np.zeros(101))
    np.testing.assert_array_equal(ENV.opening(PARAMS), np.zeros(101))
    for row, column, hit in ((2, 3, 1), (7, 1, 0)):
        state, _ = shoot(state, row, column)
        obs = np.asarray(ENV.observe(state, PARAMS))
        assert obs[0] == hit and obs[1:].sum() == 1 and obs[1 + 10 * row + column] == 1


def test_cells_that_were_shot_at_are_not_legal():
    state, _ = shoot(game([(2, 3), (2, 4)]), 0, 7)
    assert np.flatnonzero(~np.asarray(ENV.legal_actions(state))).tolist() == [7]


def test_the_hidden_state_is_ships_and_shots():
    state, _ = shoot(game([(2, 3), (2, 4)]), 0, 7)
    hidden = ENV.hidden(state)
    np.testing.assert_array_equal(hidden["ships"], sea((2, 3), (2, 4)))
    np.testing.assert_array_equal(hidden["shots"], sea((0, 7)))


@pytest.mark.slow
def test_ships_of_all_lengths_lie_straight_and_on_no_other():
    keys = jax.random.split(jax.random.key(0), 300)
    draws = np.asarray(jax.vmap(lambda key: ENV.draw(key, PARAMS))(keys))
    laid = jax.jit(jax.vmap(lay, (0, None, 0)), static_argnums=1)
    before = jnp.zeros((300, 10, 10), bool)
    for i, length in enumerate(SHIPS):
        after = laid(before, length, draws[:, i])
        for ship, down in zip(np.asarray(after & ~before), draws[:, i, 0] < 0.5, strict=True):
            rows, columns = np.nonzero(ship)
            along, across = (rows, columns) if down else (columns, rows)
            assert len(along) == length and along.max() - along.min() == length - 1
            assert len(set(across.tolist())) == 1
        assert (after & before == before).all()
        before = after


@pytest.mark.slow
def test_every_free_place_of_a_ship_is_as_likely_as_any_other():
    """Chi-squared of the 38 or 39 places of 2 cells on 6 x 6, beside a ship of 3 cells that lies across."""
    others = sea((2, 1), (2, 2), (2, 3), size=6)
    number = 30_000
    draws = jax.random.uniform(jax.random.key(0), (number, 37))
    seas = np.asarray(jax.vmap(lay, (None, None, 0))(others, 2, draws)) & ~np.asarray(others)
    down = (seas & np.roll(seas, -1, 1)).any((1, 2))
    assert abs(down.mean() - 0.5) < 4 * 0.5 / number**0.5, "a ship lies down as often as across"
    for ships, free in ((seas[down], 30 - 6), (seas[~down], 30 - 4)):
        _, counts = np.unique(ships.reshape(len(ships), -1), axis=0, return_counts=True)
        assert len(counts) == free
        wanted = len(ships) / free
        assert ((counts - wanted) ** 2 / wanted).sum() < 56, counts  # 23 and 25 degrees: once in 3,000


@pytest.mark.slow
def test_hunt_and_target_follows_a_line_then_neighbours_then_the_chessboard():
    state = game([(2, 3), (2, 4), (2, 5)], shots=[(2, 3), (2, 4), (2, 2), (9, 8)])
    assert hunt_and_target(jax.random.key(0), state, PARAMS) == 25
    state = game([(0, 0), (0, 1)], shots=[(0, 0), (1, 0)])
    assert hunt_and_target(jax.random.key(0), state, PARAMS) == 1
    shots = {int(hunt_and_target(jax.random.key(i), game([(0, 0)]), PARAMS)) for i in range(30)}
    assert len(shots) > 15 and all((shot // 10 + shot % 10) % 2 == 0 for shot in shots)


@pytest.mark.slow
def test_references_are_in_order_and_what_their_policies_earn():
    table = recorded("battleship-10", {})
    assert set(table) == set(ENV.policies())
    assert table["knows the ships"] == (87, 0), "14 cells, 13 shots before the last one"
    # The last of 14 cells among 100 in random order is expected at 14 / 15 * 101.
    mean, error = table["random"]
    assert abs(mean - (101 - 14 / 15 * 101)) < 4 * error
    assert mean < table["hunt and target"][0] < 87
    returns = np.asarray(policy_returns(ENV, PARAMS, hunt_and_target, jax.random.key(3), 2000))
    mean, error = table["hunt and target"]
    assert abs(returns.mean() - mean) < 4 * np.hypot(error, returns.std() / 2000**0.5)


def test_the_picture_shows_ships_hits_and_misses():
    picture = ENV.render(game([(2, 3), (2, 4)], shots=[(2, 3), (0, 0)]))
    assert picture.shape == (120, 120, 3) and picture.dtype == np.uint8
    centre = lambda row, column: picture[12 * row + 6, 12 * column + 6].tolist()  # noqa: E731
    assert centre(2, 3) == [200, 60, 60] and centre(2, 4) == [150] * 3
    assert centre(0, 0) == [235] * 3 and centre(9, 9) == [40, 70, 120]


@pytest.mark.parametrize("size", [5, 31])
def test_a_sea_that_is_too_small_or_too_large_is_refused(size):
    with pytest.raises(ValueError, match="size must be a whole number from 6 to 30"):
        envs_jax.make("battleship-10", size=size)
