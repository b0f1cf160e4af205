"""The JAX rules against SUMO itself."""

import functools

import jax
import numpy as np
import pytest
from wrong_traffic import WRONG_PORTS

from envs_jax import make
from envs_jax.reference import policy_returns
from envs_jax.traffic import Params, network
from envs_jax.traffic.agreement import FIXED, compare, record, sumo_returns
from envs_jax.traffic.sumo import Sumo

pytest.importorskip("libsumo", reason="SUMO is not installed (pip install -e '.[traffic]')")
pytest.importorskip("sumo", reason="SUMO is not installed (pip install -e '.[traffic]')")

MEASURED = {
    # Returns in SUMO 1.28, 200 episodes each: mean and standard error.
    "always north": (-133.83, 0.22),
    "always west": (-129.20, 0.21),
    "random": (-40.25, 0.21),
    "clock 4": (-45.22, 0.12),
    "clock 8": (-44.16, 0.07),
    "clock 16": (-23.81, 0.11),
    "clock 27": (-6.51, 0.29),
    "clock 30": (-11.23, 0.20),
}

VARIANTS = {
    "no dawdling": Params(sigma=0.0),
    "published": Params(),
    "light carried over": Params(carry_light_over_resets=True),
    "long episodes": Params(max_steps_in_episode=300),
    "eight nervous cars": Params(num_cars=8, sigma=1.0),
    "other box, yellow and routes": Params(
        num_cars=4, box=(14, 98), yellow_steps=3, west_start_probability=0.2
    ),
}


@functools.cache
def traces(variant):
    return record(VARIANTS[variant], episodes=15, seed=1)


@pytest.mark.parametrize(("wide", "metres"), [(True, 1e-9), (False, 2e-3)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_rules_replay_sumo(variant, wide, metres):
    with jax.enable_x64(wide):
        agreement = compare(traces(variant), VARIANTS[variant])
    assert agreement.position < metres and agreement.speed < metres, agreement
    assert agreement.light == agreement.presence == agreement.reward == 0, agreement
    assert agreement.observation <= 1e-5 and agreement.episode_return < 1e-3, agreement


def test_rules_replay_sumo_where_cars_leave():
    params = Params(max_steps_in_episode=300)
    sumo = Sumo(params)
    # The best blind clock: most cars reach the ends of their routes.
    left = [sumo.record(s, np.arange(6) % 2, lambda t, _: int((t + 26) % 53 >= 26)) for s in range(10)]
    sumo.close()
    assert sum((~trace.driving[-1]).sum() for trace in left) > 20
    with jax.enable_x64(True):
        agreement = compare(left, params)
    assert agreement.position < 1e-9 and agreement.presence == agreement.reward == 0, agreement


@pytest.mark.parametrize("wrong", WRONG_PORTS)
def test_replay_rejects_wrong_rules(wrong, monkeypatch):
    wrong(monkeypatch)
    assert compare(traces("published"), Params()).position > 0.1


@pytest.mark.parametrize("policy", FIXED)
@pytest.mark.slow
def test_returns_with_random_numbers_of_our_own_are_those_of_sumo(policy):
    mean, error = MEASURED[policy]
    env, params = make("traffic")
    returns = policy_returns(env, params, env.policies()[policy], jax.random.key(5), 4000)
    ours, our_error = returns.mean(), returns.std() / len(returns) ** 0.5
    assert abs(ours - mean) < 3.5 * np.hypot(error, our_error)
    if policy not in ("clock 27", "clock 30"):
        assert abs(ours / mean - 1) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("policy", FIXED)
def test_returns_of_sumo_here_are_those_measured(policy):
    mean, error = MEASURED[policy]
    theirs = sumo_returns(Params(), policy, episodes=100, seed=5)
    assert abs(theirs.mean() - mean) < 3.5 * np.hypot(error, theirs.std() / 10)


@pytest.mark.slow
def test_statistics_reject_the_textbook_rules(monkeypatch):
    WRONG_PORTS[0](monkeypatch)
    env, params = make("traffic")
    policy = env.policies()["clock 16"]
    returns = np.asarray(policy_returns(env, params, policy, jax.random.key(0), 1000))
    mean, error = MEASURED["clock 16"]
    assert abs(returns.mean() - mean) > 3.5 * np.hypot(error, returns.std() / 1000**0.5)


def test_netconvert_builds_the_lanes_that_the_rules_assume():
    sumo = Sumo(Params(num_cars=1))
    sumo.reset(0, [0])
    libsumo = sumo._libsumo
    for lane in network.LANES:
        assert libsumo.lane.getLength(lane.name) == pytest.approx(lane.length)
        assert libsumo.lane.getMaxSpeed(lane.name) == pytest.approx(network.SPEED_LIMIT)
        shape = libsumo.lane.getShape(lane.name)
        np.testing.assert_allclose([shape[0], shape[-1]], [lane.start, lane.end])
    sumo.close()


def test_light_is_carried_over_resets_only_if_asked_for():
    for carried in (False, True):
        sumo = Sumo(Params(carry_light_over_resets=carried))
        sumo.reset(0, np.zeros(6))
        for action in (0, 1):
            sumo.step(action)
        sumo.reset(1, np.zeros(6))
        sumo.step(0)
        assert sumo._light == (1 if carried else 0)
        sumo.close()


def test_sumo_runs_once_at_a_time_and_says_so():
    first, second = Sumo(), Sumo()
    with pytest.raises(RuntimeError, match="call reset first"):
        first.step(0)
    assert not first.reset(0, np.zeros(6)).any()
    second.reset(0, np.zeros(6))
    with pytest.raises(RuntimeError, match="call reset first"):
        first.step(0)
    second.step(0)
    second.close()
    second.close()  # again does no harm


def test_sumo_is_silent(capfd):
    sumo = Sumo()
    sumo.record(0, np.zeros(6), lambda t, _: 0)
    sumo.close()
    assert capfd.readouterr() == ("", "")
