"""The JAX rules beside minigrid itself; `minigrid_replay` steps both."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from minigrid_replay import ORIGINALS, original, replay, translate
from scipy.stats import chi2_contingency

from envs_jax import make
from envs_jax.minigrid import RedBlueDoors, tiles, view

pytest.importorskip("minigrid", reason="minigrid is not installed (pip install -e '.[minigrid]')")


@pytest.mark.parametrize(
    ("name", "episodes"),
    [
        pytest.param("redbluedoors-8x8", 1000, marks=pytest.mark.slow),
        ("redbluedoors-6x6", 100),
        ("memory-s7", 200),
        ("doorkey-5x5", 100),
        ("doorkey-8x8", 100),
    ],
)
def test_every_step_is_that_of_minigrid(name, episodes):
    differences, events = replay(name, episodes, cut=30)
    assert not differences
    assert events["episodes"] >= episodes
    assert min(events["successes"], events["time limits"]) > episodes / 20, events
    if name.startswith("doorkey"):
        assert events["steps with something carried"] > episodes
    else:
        assert events["failures"] > episodes / 50, events


@pytest.mark.slow
@pytest.mark.parametrize("name", ORIGINALS)
def test_every_step_of_long_episodes_is_that_of_minigrid(name):
    differences, _ = replay(name, episodes=1000, cut=300, seed=1)
    assert not differences


def _sees_through_walls(monkeypatch):
    monkeypatch.setattr(view, "visible", lambda opaque: jnp.ones_like(opaque))


def _pays_for_the_blue_door_alone(monkeypatch):
    judge = RedBlueDoors.judge
    monkeypatch.setattr(RedBlueDoors, "judge", lambda *state: (judge(*state)[0],) * 2)


def _doors_stay_open(monkeypatch):
    toggled = tiles.TOGGLED.copy()
    toggled[tiles.RED_OPEN] = tiles.RED_OPEN
    monkeypatch.setattr(tiles, "TOGGLED", toggled)


@pytest.mark.parametrize(
    ("wrong", "differs"),
    [
        (_sees_through_walls, {"image", "first image"}),
        (_pays_for_the_blue_door_alone, {"reward"}),
        (_doors_stay_open, {"grid", "image"}),
    ],
)
@pytest.mark.slow
def test_replay_rejects_wrong_rules(wrong, differs, monkeypatch):
    wrong(monkeypatch)
    differences, _ = replay("redbluedoors-6x6", 100, cut=20)
    assert differs <= set(differences)


@pytest.mark.parametrize("name", ORIGINALS)
@pytest.mark.slow
def test_layouts_are_distributed_as_in_minigrid(name):
    env, params = make(name)
    theirs = original(name)
    theirs.reset(seed=1)
    others = []
    for _ in range(1500):
        theirs.reset()
        others.append(_features(translate(theirs)))
    reset = jax.jit(jax.vmap(env.reset, (0, None)))
    states = jax.tree.map(np.asarray, reset(jax.random.split(jax.random.key(1), 6000), params)[1])
    ours = [_features(jax.tree.map(lambda x, i=i: x[i], states)) for i in range(6000)]
    chances = _homogeneity(np.array(others), np.array(ours))
    # Thirty or so tests: the least of their chances is rarely below one in a thousand.
    assert min(chances.values()) > 1e-3, chances


def test_layout_comparison_rejects_a_shifted_draw():
    env, params = make("redbluedoors-6x6")
    reset = jax.jit(jax.vmap(env.reset, (0, None)))
    states = jax.tree.map(np.asarray, reset(jax.random.split(jax.random.key(1), 3000), params)[1])
    features = np.array([_features(jax.tree.map(lambda x, i=i: x[i], states)) for i in range(3000)])
    skewed = features[features[:, 0] + features[:, 2] != 4]  # one combination of place and direction missing
    assert min(_homogeneity(features[1500:], skewed[:1500]).values()) < 1e-6


def _features(state):
    """Column, row and direction of the agent, and the cell of each thing, int[3 + things]."""
    things = [np.flatnonzero(state.grid == kind) for kind in range(tiles.NUM_TILES)]
    rare = [cells[0] for kind, cells in enumerate(things) if kind > tiles.WALL and len(cells)]
    if state.grid.shape == (7, 7):  # the two objects of Memory: which comes first, and which comes twice
        rare = [state.grid[2, 1], state.grid[1, 5]]
    return [*state.position, state.direction, *rare]


def _homogeneity(left, right):
    """Chance of so large a difference between two samples, for every pair of features."""
    chances = {}
    for a, b in itertools.combinations_with_replacement(range(left.shape[1]), 2):
        labels = [sample[:, a] * 1000 + sample[:, b] for sample in (left, right)]
        values = np.unique(np.concatenate(labels))
        if len(values) > 1:
            table = [[(label == value).sum() for value in values] for label in labels]
            chances[a, b] = chi2_contingency(table).pvalue
    return chances
