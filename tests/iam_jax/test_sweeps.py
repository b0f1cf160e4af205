"""Every run of a sweep is the run that it would be alone."""

import json
import os
import re
from functools import partial, partialmethod

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import iam_jax
from iam_jax import ConfigError, sweep
from iam_jax.build import make_learner
from iam_jax.config import NUMBERS, Config
from iam_jax.learners import Learners
from iam_jax.ppo.numbers import PPONumbers
from iam_jax.sweep_report import by_setting, train_command
from iam_jax.swept_env import swept_params
from iam_jax.train import parse

SMALL = {
    "num_envs": 8,
    "num_steps": 16,
    "bptt_length": 8,
    "num_minibatches": 2,
    "hidden": 8,
    "fc": (8,),
    "joint": (),
}
DISCRETE = iam_jax.preset("mini-warehouse", **SMALL, total_steps=20 * 128, burn_in=10)
CONTINUOUS = iam_jax.preset(
    "Pendulum-v1",
    "fast",
    "rnn",
    **SMALL,
    total_steps=20 * 128,
    normalise_observations=True,
    normalise_rewards=True,
)
AXES = {
    "discrete": (DISCRETE, {"learning_rate": [1e-3, 3e-3], "entropy": [0.05, 0.2]}),
    "continuous": (CONTINUOUS, {"gamma": [0.9, 0.97], "max_grad_norm": [0.1, 5.0]}),
    "environment": (DISCRETE, {"env.lifetime": [4, 9], "clip": [0.1, 0.3]}),
}


def learners_of(config):
    return Learners(make_learner(config), config, env_params=swept_params(config))


def trained(config, updates=4):
    learners = learners_of(config)
    state = learners.init()
    state, metrics = learners.compile(state)(state, updates)
    return learners, state.params, learners.by_run(metrics, updates)


@pytest.fixture
def as_users_compile(monkeypatch):
    """Programs are fused as they are without the tests' flags, which order sums in another way."""
    flag = "xla_cpu_use_fusion_emitters"
    if flag in os.environ["XLA_FLAGS"]:
        compiled = partialmethod(jax.stages.Lowered.compile, {flag: True})
        monkeypatch.setattr(jax.stages.Lowered, "compile", compiled)


@pytest.mark.parametrize("case", AXES)
@pytest.mark.slow
def test_a_swept_run_is_the_same_run_alone(case, as_users_compile):
    config, axes = AXES[case]
    config = config.replace(sweep=axes, num_seeds=2)
    assert config.num_runs == 8
    learners, params, metrics = trained(config)
    finals = []
    for run in (0, 3, 6):
        setting, seed = learners.settings[run], learners.seeds[run]
        alone = config.at(setting).replace(seed=seed, num_seeds=1)
        _, expected, numbers = trained(alone)
        jax.tree.map(
            partial(np.testing.assert_allclose, rtol=0, atol=2e-6), learners.of_run(params, run), expected
        )
        np.testing.assert_allclose(metrics["loss"][run], numbers["loss"][0], rtol=1e-4, atol=1e-5)
        finals.append(np.concatenate([np.ravel(x) for x in jax.tree.leaves(expected)]))
    assert min(np.abs(a - b).max() for a in finals for b in finals if a is not b) > 1e-4


@pytest.mark.slow
def test_numbers_may_be_mapped_over_in_one_s_own_program():
    learner = make_learner(DISCRETE)
    rates = jnp.array([1e-3, 3e-3])
    state = jax.jit(learner.init)(jax.random.key(0))
    numbers = PPONumbers.of(DISCRETE.ppo).replace(learning_rate=rates)
    axes = jax.tree.map(lambda x: 0 if x is rates else None, numbers)
    many, _ = jax.jit(jax.vmap(learner.update, (None, axes)))(state, numbers)
    for i, rate in enumerate(rates):
        one, _ = jax.jit(learner.update)(state, numbers.replace(learning_rate=rate))
        jax.tree.map(
            lambda x, y, i=i: np.testing.assert_allclose(x[i], y, atol=2e-6), many.params, one.params
        )


@pytest.mark.slow
def test_runs_computed_one_after_the_other_are_the_same():
    config = DISCRETE.replace(sweep={"learning_rate": [1e-3, 2e-3, 3e-3]})
    together = trained(config)[1]
    apart = trained(config.replace(at_once=2))[1]
    jax.tree.map(partial(np.testing.assert_allclose, rtol=0, atol=2e-6), together, apart)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = DISCRETE.replace(
        sweep={"learning_rate": [0.0, 3e-3], "env.lifetime": [4, 8]},
        num_seeds=2,
        eval_episodes=4,
        final_episodes=20,
        num_evaluations=2,
    )
    return iam_jax.train(config, run_dir=tmp_path_factory.mktemp("sweeps") / "run", display=False)


@pytest.mark.slow
def test_a_sweep_leaves_its_settings_from_the_best_to_the_worst(run):
    ended = json.loads((run.run_dir / "sweep.json").read_text())["settings"]
    means = [setting["mean"] for setting in ended]
    assert means == sorted(means, reverse=True) and len(means) == 4
    for setting in ended:
        assert setting["mean"] == pytest.approx(np.mean(setting["returns"]), abs=1e-3)
        assert setting["se"] == pytest.approx(np.std(setting["returns"], ddof=1) / 2**0.5, abs=1e-3)
    assert (run.run_dir / "sweep.png").stat().st_size > 5000
    rows = {row["setting"] for row in run.rows}
    assert "learning-rate 0.003, env.lifetime 8" in rows and len(rows) == 4


@pytest.mark.slow
def test_the_agent_of_a_sweep_is_the_winner_s_and_each_can_be_had(run):
    best = json.loads((run.run_dir / "sweep.json").read_text())["settings"][0]["setting"]
    assert run.agent.setting == iam_jax.load(run.run_dir).setting == best
    wanted = {"learning_rate": 0.0, "env.lifetime": 4}
    agent = iam_jax.load(run.run_dir, setting=wanted, seed=1)
    assert (agent.setting, agent.seed, agent.config.sweep) == (wanted, 1, ())
    assert int(agent.actor.env_params.lifetime) == 4 and agent.evaluate(3).returns.shape == (3,)
    with pytest.raises(ConfigError, match=r"has the settings learning-rate 0\.0, env.* not clip"):
        iam_jax.load(run.run_dir, setting={"clip": 1.0})


@pytest.mark.slow
def test_a_stopped_sweep_goes_on_bitwise(run, tmp_path):
    stopped = iam_jax.train(
        run.config, run_dir=tmp_path / "run", display=False, callback=lambda row: row["update"] >= 7
    )
    assert stopped.outcome == iam_jax.Stopped(None)
    resumed = iam_jax.resume(tmp_path / "run", display=False)
    for ours, theirs in zip(run.agents("last"), resumed.agents("last"), strict=True):
        jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)


@pytest.mark.slow
def test_a_diverged_setting_does_not_stop_the_others(tmp_path):
    config = DISCRETE.replace(
        sweep={"learning_rate": [1e-3, 1e30]},
        eval_episodes=2,
        final_episodes=4,
        num_evaluations=1,
        max_grad_norm=None,
    )
    run = iam_jax.train(config, run_dir=tmp_path / "run", display=False)
    good, bad = json.loads((run.run_dir / "sweep.json").read_text())["settings"]
    assert good["setting"] == {"learning_rate": 1e-3} and good["mean"] is not None
    assert bad["mean"] is None and json.loads((run.run_dir / "final.json").read_text())["returns"][1] is None


def test_the_command_for_the_winner_trains_it():
    config = DISCRETE.replace(sweep={"learning_rate": [1e-3], "env.lifetime": [4]}, env_args=("size=5",))
    winner = config.at(config.settings[0])
    words = train_command(winner).split(" -m iam_jax.train ")[1].split()
    assert parse(words) == winner
    assert "lifetime=4" in words and "size=5" in words


def test_settings_are_every_combination_and_seeds_vary_fastest():
    config = Config(sweep=("learning-rate=1e-3,2e-3", "entropy=0.1,0.2"), num_seeds=3)
    assert [sweep.label(setting) for setting in config.settings] == [
        f"learning-rate {rate}, entropy {entropy}" for rate in (0.001, 0.002) for entropy in (0.1, 0.2)
    ]
    assert config.num_runs == 12
    best = by_setting(config, np.array([*[1.0] * 3, *[np.nan] * 3, *[5.0, 6.0, 7.0], *[2.0] * 3]))
    assert [e.mean for e in best[:3]] == [6, 2, 1] and np.isnan(best[3].mean)


REFUSED = {
    "learning-rate": "must be OPTION=VALUE",
    "learning-rate=": "must be OPTION=VALUE",
    "learning-rat=1,2": "did you mean learning-rate",
    "num-envs=2,4": "no number of the learner",
    "learning-rate=1e-3,0.001": "has a value twice",
    "learning-rate=a,b": "must be a number, not 'a'",
    "learning-rate=-1,2": "--sweep learning-rate must be at least 0",
    "gamma=0.9,nan": "--sweep gamma must be from 0 to 1",
    "env.life time=3": "--sweep",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_sweep_that_cannot_be_is_refused_in_one_sentence(text):
    with pytest.raises(ConfigError, match=re.escape(REFUSED[text])):
        Config(sweep=(text,))


def test_an_option_is_swept_once():
    with pytest.raises(ConfigError, match="names gamma twice"):
        Config(sweep=("gamma=0.9,0.8", "gamma=0.7"))


@pytest.mark.parametrize(
    ("axis", "sentence"),
    [
        ("env.size=5,7", "changes what mini-warehouse is"),
        ("env.legacy_removal=true,false", "changes what mini-warehouse is"),
        ("env.lifetime=4,zero", "lifetime must"),
        ("env.lifetim=4,5", "there is no 'lifetim'"),
    ],
)
def test_what_the_environment_cannot_vary_is_refused(axis, sentence):
    config = DISCRETE.replace(sweep=(axis,))
    with pytest.raises(ConfigError, match=sentence):
        swept_params(config)


def test_every_number_of_the_learner_is_a_leaf():
    numbers = PPONumbers.of(DISCRETE.ppo)
    assert set(numbers.__dataclass_fields__) == set(NUMBERS)
    assert len(jax.tree.leaves(numbers)) == len(NUMBERS)
