import functools
import json

import jax
import numpy as np
import pytest

from envs_jax import make
from envs_jax.reference import RECORDED, policy_returns, recorded

PUBLISHED = {
    # Measured by others on the original programs: the 7x7 with its removal quirk, and the 5x5.
    # Beside each mean half its last digit, or three of its standard errors where one was given.
    ("warehouse", True, "random"): (9.4, 0.05),
    ("warehouse", True, "nearest visible item"): (43.6, 0.09),
    # The others were given without standard error or number of episodes; 0.3 percent is allowed.
    ("mini-warehouse", False, "random"): (0.50, 0.01),
    ("mini-warehouse", False, "nearest item, ages known"): (5.35, 0.015),
    ("mini-warehouse", False, "oldest item, ages known"): (5.86, 0.015),
}
CASES = [("warehouse", False), ("warehouse", True), ("mini-warehouse", False)]


def arguments(legacy):
    return {"legacy_removal": True} if legacy else {}


@functools.cache
def returns(name, legacy, policy, episodes):
    env, params = make(name, **arguments(legacy))
    return np.asarray(policy_returns(env, params, env.policies()[policy], jax.random.key(7), episodes))


@pytest.mark.parametrize(("name", "legacy", "policy"), PUBLISHED)
def test_recorded_returns_agree_with_the_published_ones(name, legacy, policy):
    mean, tolerance = PUBLISHED[name, legacy, policy]
    ours, error = recorded(name, arguments(legacy))[policy]
    assert abs(ours - mean) < tolerance + 3 * error


@pytest.mark.parametrize(("name", "legacy"), CASES)
@pytest.mark.slow
def test_recorded_returns_are_what_the_policies_earn(name, legacy):
    table = recorded(name, arguments(legacy))
    env, _ = make(name, **arguments(legacy))
    assert set(table) == set(env.policies())
    for policy, (mean, error) in table.items():
        if "planner" not in policy:
            ours = returns(name, legacy, policy, 4000)
            assert abs(ours.mean() - mean) < 4 * np.hypot(error, ours.std() / len(ours) ** 0.5), policy


@pytest.mark.slow
@pytest.mark.parametrize("legacy", [False, True])
def test_recorded_return_of_the_planner(legacy):
    mean, error = recorded("warehouse", arguments(legacy))["planner, ages known"]
    ours = returns("warehouse", legacy, "planner, ages known", 1000)
    assert abs(ours.mean() - mean) < 4 * np.hypot(error, ours.std() / len(ours) ** 0.5)


def test_records_are_of_enough_episodes():
    for label, policies in json.loads(RECORDED.read_text())["returns"].items():
        least = 2000 if label.startswith("popgym-") else 20_000  # long labyrinths, small spread
        for name, record in policies.items():
            assert record["episodes"] >= (1000 if "planner" in name else least), f"{label}: {name}"


def test_knowing_ages_and_planning_ahead_each_help():
    for legacy in (False, True):
        table = recorded("warehouse", arguments(legacy))
        order = ["random", "nearest visible item", "nearest item, ages known", "planner, ages known"]
        means = [table[name][0] for name in order]
        assert means == sorted(means)


def test_arguments_that_equal_the_defaults_have_the_same_references():
    assert recorded("warehouse", {"lifetime": 8, "size": 7}) == recorded("warehouse", {}) != {}
    assert recorded("warehouse", {"legacy_removal": True}) != recorded("warehouse", {})


def test_unrecorded_arguments_have_no_references():
    assert recorded("warehouse", {"size": 11}) == {}
    assert recorded("CartPole-v1", {}) == {}
    for foreign in ("my_module:factory", "gymnasium:CartPole-v1", "no such thing"):
        assert recorded(foreign, {"anything": 1}) == {}
