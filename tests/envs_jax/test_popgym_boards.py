"""Battleship, MineSweeper and the labyrinths: faults that the replay must find, and their own draws."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from popgym_boards import labyrinth_features
from popgym_replay import RECORDED, replay
from scipy.stats import chi2_contingency, chisquare

from envs_jax import make
from envs_jax.popgym import bits, boards, hunt_and_kill, mazes


@pytest.fixture
def package():
    return pytest.importorskip(
        "popgym.envs", reason="popgym or mazelib is not installed (pip install -e '.[popgym]')"
    )


def _pays_for_old_hits(monkeypatch):
    advance = boards.Battleship.advance

    def forgetful(self, draws, state, action, params):
        after, reward = advance(self, draws, state.replace(guesses=state.guesses * 0), action, params)
        return after.replace(guesses=after.guesses | state.guesses), reward

    monkeypatch.setattr(boards.Battleship, "advance", forgetful)


def _leaves_the_square_itself_out(monkeypatch):
    advance = boards.MineSweeper.advance

    def others(self, draws, state, action, params):
        after, reward = advance(self, draws, state, action, params)
        return after.replace(seen=after.seen - after.exploded), reward

    monkeypatch.setattr(boards.MineSweeper, "advance", others)


def _is_truncated_with_the_last_square_too(monkeypatch):
    monkeypatch.setattr(
        boards.MineSweeper,
        "is_truncated",
        lambda self, state, params: state.time >= params.max_steps_in_episode,
    )


def _sees_around_itself_at_the_rim(monkeypatch):
    def observe(self, state, params):
        walls = jnp.pad(bits.unpack(state.walls, self.side), 1, constant_values=True)
        wall = jax.lax.dynamic_slice(walls, tuple(state.position), (3, 3))
        rows, columns = state.position[:, None] - 1 + np.arange(3)
        codes = self._codes(wall, rows[:, None], columns, state)
        return jnp.append(codes.reshape(-1), state.last_action)

    monkeypatch.setattr(mazes.Labyrinth, "observe", observe)


def _counts_the_entrance(monkeypatch):
    def reward(self, state, is_new):
        return jnp.where(is_new, 1 / bits.count(self.free(state)), -1 / mazes.EPISODE_LENGTH)

    monkeypatch.setattr(mazes.LabyrinthExplore, "reward", reward)


@pytest.mark.parametrize(
    ("fault", "name", "differs"),
    [
        (_pays_for_old_hits, "popgym-battleship-easy", {"reward", "observation", "last_obs"}),
        (_leaves_the_square_itself_out, "popgym-mine-sweeper-easy", {"observation"}),
        (_is_truncated_with_the_last_square_too, "popgym-mine-sweeper-easy", {"truncated"}),
        (_sees_around_itself_at_the_rim, "popgym-labyrinth-escape-easy", {"observation"}),
        (_counts_the_entrance, "popgym-labyrinth-explore-easy", {"reward"}),
    ],
)
def test_replay_rejects_wrong_rules(fault, name, differs, package, monkeypatch):
    fault(monkeypatch)
    assert set(replay(name, 3 if "labyrinth" in name else 9).differences) == differs


def test_every_set_square_is_picked_alike_and_no_other():
    board = np.random.default_rng(0).random((7, 9)) < 0.4
    draws = jax.random.uniform(jax.random.key(0), (20_000,))
    rows, columns = jax.vmap(lambda draw: bits.pick(bits.pack(board), draw, 9))(draws)
    counts = np.zeros((7, 9), int)
    np.add.at(counts, (np.asarray(rows), np.asarray(columns)), 1)
    assert not counts[~board].any()
    assert chisquare(counts[board]).pvalue > 1e-3


@pytest.mark.parametrize("size", [4, 8])
def test_mines_lie_on_different_squares_and_on_all_alike(size):
    number = {4: 2, 8: 10}[size]
    draws = jax.random.uniform(jax.random.key(0), (8000, number))
    mines = np.asarray(jax.vmap(lambda draw: bits.unpack(boards.place_mines(draw, size), size))(draws))
    assert (mines.sum((1, 2)) == number).all()
    # Squares of one board exclude each other: with replacement the statistic would be that much larger.
    share = number / size**2
    statistic = ((mines.mean(0) - share) ** 2).sum() * 8000 / (share * (1 - share)) * (1 - 1 / size**2)
    assert abs(statistic - (size**2 - 1)) < 4 * (2 * size**2) ** 0.5


@pytest.mark.slow
def test_ships_are_whole_and_lie_apart():
    draws = jax.random.uniform(jax.random.key(0), (4000, 4))
    board = np.asarray(jax.vmap(lambda draw: bits.unpack(boards.place_ships(draw, 8), 8))(draws))
    assert (board.sum((1, 2)) == boards.SHIP_SQUARES).all()
    alone = board & ~np.roll(np.pad(board, ((0, 0), (1, 1), (1, 1))), 1, 1)[:, 1:-1, 1:-1]
    for axis, step in ((1, -1), (2, 1), (2, -1)):
        alone &= ~np.roll(np.pad(board, ((0, 0), (1, 1), (1, 1))), step, axis)[:, 1:-1, 1:-1]
    assert not alone.any(), "a ship of one square"


def starts(name, count, seed=0):
    """First states of episodes, of a batch."""
    env, params = make(name)
    begin = jax.jit(jax.vmap(lambda key: env.begin(key, params)))
    return env, params, begin(jax.random.split(jax.random.key(seed), count))


def features(states):
    """What `labyrinth_features` counts in each of a batch of states, name -> int[count]."""
    states = jax.tree.map(np.asarray, states)
    rows = [
        labyrinth_features(jax.tree.map(lambda x, i=i: x[i], states), []) for i in range(len(states.time))
    ]
    return {feature: np.array([int(row[feature]) for row in rows]) for feature in rows[0]}


def chances(name, found):
    """Chance of so large a difference from the package's mazes, for each feature."""
    recorded = json.loads(RECORDED.read_text())["names"][name]["features"]
    result = {}
    for feature, values in found.items():
        there = {int(value): count for value, count in recorded[feature].items()}
        known = sorted({*there, *values.tolist()})
        table = np.array([[there.get(v, 0) for v in known], [(values == v).sum() for v in known]])
        # Rare values are counted together: chi-squared needs some of each.
        rare = table.sum(0) < 10
        table = np.concatenate([table[:, ~rare], table[:, rare].sum(1, keepdims=True)], 1)
        table = table[:, table.sum(0) > 0]
        result[feature] = chi2_contingency(table).pvalue if table.shape[1] > 1 else 1.0
    return result


@pytest.mark.parametrize("level", ["easy", "medium", "hard"])
@pytest.mark.slow
def test_mazes_are_distributed_as_those_of_the_package(level):
    name = f"popgym-labyrinth-escape-{level}"
    found = chances(name, features(starts(name, 2000)[2]))
    assert min(found.values()) > 1e-4, found


@pytest.mark.parametrize("steps", [5, 40])
@pytest.mark.slow
def test_a_maze_that_grew_while_one_walked_is_like_any_other(steps):
    name = "popgym-labyrinth-escape-medium"
    env, params, first = starts(name, 2000, seed=steps)

    @jax.jit
    @jax.vmap
    def second(key, state):
        def walk(state, key):
            return env.advance(key, state, jax.random.randint(key, (), 0, 4), params)[0], None

        state = jax.lax.scan(walk, state, jax.random.split(key, steps))[0]
        last = state.replace(time=jnp.int32(params.max_steps_in_episode))
        return env.begin_after(jax.random.fold_in(key, steps), last, params)

    before, after = features(first), features(second(jax.random.split(jax.random.key(1), 2000), first))
    found = chances(name, after)
    assert min(found.values()) > 1e-4, found
    for feature in ("exit beside entrance", "ways from the middle", "ways from a corner"):
        a, b = before[feature], after[feature]
        table = [[((a == i) & (b == j)).sum() for j in np.unique(b)] for i in np.unique(a)]
        assert chi2_contingency(table).pvalue > 1e-4, f"{feature}: the second maze depends on the first"


def _hunts_seldom(monkeypatch):
    start = hunt_and_kill.start
    monkeypatch.setattr(
        mazes, "start", lambda draws, cells: start(draws, cells).replace(hunts_left=jnp.int32(cells**2))
    )


def _walks_to_the_left_rather(monkeypatch):
    grow = hunt_and_kill.grow
    monkeypatch.setattr(hunt_and_kill, "grow", lambda growth, draws: grow(growth, draws.at[2].mul(0.8)))


@pytest.mark.parametrize(
    ("fault", "differs"),
    [(_hunts_seldom, {"unreached cells"}), (_walks_to_the_left_rather, {"openings in the first row"})],
)
def test_comparison_of_mazes_rejects_wrong_ones(fault, differs, monkeypatch):
    fault(monkeypatch)
    name = "popgym-labyrinth-escape-medium"
    found = chances(name, features(starts(name, 2000)[2]))
    assert differs <= {feature for feature, chance in found.items() if chance < 1e-6}, found
