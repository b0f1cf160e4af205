"""Whole runs: the same rollouts must teach both sides the same, and an agent must act the same."""

import pytest

pytest.importorskip("torch", reason="parity needs PyTorch: pip install -e '.[parity]'")

import jax
import numpy as np
import structured as structured_env
from selection import quick_if

from iam_torch_ref.parity import learning
from iam_torch_ref.parity.cases import TOLERANCE, precision


@pytest.mark.parametrize("name", quick_if(lambda name: name == "iam-manual-gru", learning.RUNS))
def test_both_sides_have_the_same_parameters_after_50_updates(name):
    acting, parameters = learning.trajectory(learning.RUNS[name])
    assert acting <= learning.TOLERANCE
    assert parameters <= learning.TOLERANCE


@pytest.mark.slow
def test_the_runs_compared_do_learn():
    """Equal parameters say nothing about runs that stand still."""
    run = learning.RUNS["iam-dynamic-lstm"]
    with precision("float64"):
        records, initial, final = learning.train(run, learning.UPDATES)
    moved = [np.abs(a - b).max() for a, b in zip(*map(jax.tree.leaves, (initial, final)), strict=True)]
    assert min(moved) > 0.01
    transitions = [record["rollout"].transitions for record in records]
    assert sum(t.truncated.sum() for t in transitions) > 30
    assert any(t.first[:, 1:].any() for t in transitions), "no episode ends inside a sequence"


@pytest.fixture(scope="module")
def agent():
    return learning.train_briefly()


@pytest.mark.slow
def test_the_agent_compared_has_learnt(agent):
    assert learning.returns(agent)[1].mean() > 5, "a random agent earns 0.5"


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_trained_agent_takes_the_same_greedy_actions(agent, dtype):
    assert agent.first.size >= 10_000
    differ, apart = learning.greedy_actions(agent, dtype)
    assert differ == 0
    assert apart <= TOLERANCE[dtype]


@pytest.mark.slow
def test_both_sides_earn_the_same_return_in_every_episode(agent):
    _, ours, theirs = learning.returns(agent)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.std() > 0.1, "episodes that are all alike compare nothing"


@pytest.fixture(scope="module")
def structured():
    return learning.train_briefly(env=f"{structured_env.__file__}:Structured", total_steps=300_000)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_an_agent_of_trees_and_several_choices_takes_the_same_greedy_actions(structured, dtype):
    differ, apart = learning.greedy_actions(structured, dtype)
    assert differ == 0
    assert apart <= TOLERANCE[dtype]


@pytest.mark.slow
def test_both_sides_mask_the_same_actions_and_earn_the_same_returns(structured):
    _, ours, theirs = learning.returns(structured)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.mean() > 4, "an agent that takes at random earns less than nothing"
