"""An agent trained in JAX must meet the same task in the real SUMO."""

import sys

import jax
import numpy as np
import pytest

from iam_jax.build import make_actor, make_learner
from iam_jax.config import ConfigError
from iam_jax.evaluate import main as evaluate
from iam_jax.play import episode_returns, one_by_one
from iam_jax.presets import preset
from iam_jax.train import main as train

NEEDS_SUMO = "playing in SUMO needs its libraries: pip install -e '.[traffic]'"
SMALL = ["--num-envs", "64", "--num-steps", "32", "--num-minibatches", "4", "--total-steps", "4096"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "traffic"
    with pytest.raises(SystemExit) as exit_:
        train(["--env", "traffic", *SMALL, "--burn-in", "0", "--run-dir", str(folder)])
    assert not exit_.value.code
    return folder


def evaluated(run, *arguments):
    with pytest.raises(SystemExit) as exit_:
        evaluate(["--checkpoint", str(run), "--episodes", "20", *arguments])
    return exit_.value.code


@pytest.mark.slow
def test_evaluation_reports_sumo_beside_jax(run, capsys):
    pytest.importorskip("libsumo", reason=NEEDS_SUMO)
    assert not evaluated(run, "--simulator", "sumo", "--simulator-episodes", "2")
    rows = [line for line in capsys.readouterr().out.splitlines() if "greedy" in line or "sampled" in line]
    assert [("SUMO" in row, "JAX" in row) for row in rows] == [(False, True), (True, False)] * 2


@pytest.mark.parametrize("model", ["iam", "fnn-stack"])
@pytest.mark.parametrize("west", [0.0, 1.0])
@pytest.mark.slow
def test_without_chance_an_agent_earns_exactly_the_same_in_sumo(model, west):
    """Catches wrappers, resets, the light, or rewards that differ between the two."""
    pytest.importorskip("libsumo", reason=NEEDS_SUMO)
    from envs_jax.traffic.sumo_env import make

    config = preset("traffic", model=model, env_args=("sigma=0", f"west_start_probability={west}"))
    learner = make_learner(config)
    key = jax.random.key(11)
    carry = learner.model.initial_carry(1)
    obs = np.zeros((1, 1, *learner.actor.env.observation_space(learner.actor.env_params).shape), np.float32)
    params = learner.model.init(key, carry, obs, np.ones((1, 1), bool))
    params = jax.tree.map(lambda x: 3 * x, params)  # so that the greedy action changes now and then
    ours = episode_returns(params, key, actor=learner.actor, episodes=1, greedy=True)
    theirs = one_by_one(params, key, actor=make_actor(config, make), episodes=1, greedy=True).returns
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    assert ours[0] > -100, "an agent that asks for one green for ever compares little"


@pytest.mark.slow
def test_a_carried_light_is_forgotten_by_a_reset_in_both():
    pytest.importorskip("libsumo", reason=NEEDS_SUMO)
    import envs_jax
    from envs_jax.traffic.sumo_env import make

    for maker in (envs_jax.make, make):
        env, params = maker("traffic", sigma=0.0, carry_light_over_resets=True, west_start_probability=1.0)
        seen = []
        for first in (1, 0):
            _, state = env.reset(jax.random.key(0), params)
            for time in range(60):
                key = jax.random.key(time)
                obs, state, *_ = env.step(key, state, np.int32(first if time < 20 else 0), params)
                seen.append(np.asarray(obs))
        if maker is envs_jax.make:
            expected = seen
    np.testing.assert_array_equal(seen, expected)


def test_sumo_simulates_traffic_alone():
    pytest.importorskip("libsumo", reason=NEEDS_SUMO)
    from envs_jax.traffic.sumo_env import make

    with pytest.raises(ConfigError, match="SUMO simulates traffic, not warehouse"):
        make_actor(preset("warehouse", "fast", "iam"), make)


@pytest.mark.slow
def test_a_missing_sumo_ends_in_one_sentence(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "libsumo", None)
    assert evaluated(run, "--simulator", "sumo") == 2
    error = capsys.readouterr().err
    assert "pip install -e '.[traffic]'" in error and error.count("\n") == 1
