"""Weights must survive the way between the frameworks, and wrong ones must be refused by name."""

import pytest

pytest.importorskip("torch", reason="the PyTorch reference needs PyTorch: pip install -e '.[parity]'")

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import torch

import iam_jax
from envs_jax import spaces
from iam_jax import stored
from iam_jax.build import make_learner
from iam_jax.checkpoint import Checkpoints, Progress
from iam_jax.config import IAMConfig
from iam_jax.evaluate import main as evaluate_in_jax
from iam_jax.learners import Learners
from iam_jax.models.d_set import Selector
from iam_jax.models.make import make_model
from iam_torch_ref import bridge
from iam_torch_ref.bridge import VectorEnv
from iam_torch_ref.config import ConfigError
from iam_torch_ref.convert import from_flax, load, load_agent, to_flax
from iam_torch_ref.convert import main as convert
from iam_torch_ref.evaluate import episode_returns
from iam_torch_ref.evaluate import main as evaluate
from iam_torch_ref.parity.cases import CASES, Pair
from iam_torch_ref.train import main as train


@pytest.mark.parametrize("case", CASES, ids=str)
def test_weights_come_back_bit_for_bit(case):
    pair = Pair(case, "float32")
    back = to_flax(pair.torch_model.state_dict())
    assert jax.tree.structure(back) == jax.tree.structure(pair.params)
    jax.tree.map(np.testing.assert_array_equal, back, pair.params)
    again = from_flax(back)
    assert all(torch.equal(again[name], x) for name, x in pair.torch_model.state_dict().items())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda weights: weights.pop("fc.1.weight"), "fc.1.weight has shape none in them"),
        (lambda weights: weights.update({"fc.9.bias": torch.zeros(3)}), "fc.9.bias has shape"),
        (lambda weights: weights.update({"heads.value.bias": torch.zeros(2)}), "heads.value.bias"),
    ],
)
def test_weights_of_another_model_are_refused_with_the_parameter_s_name(change, named):
    model = Pair(CASES[0], "float32").torch_model
    weights = dict(model.state_dict())
    change(weights)
    with pytest.raises(ConfigError, match=named):
        load(model, weights)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An agent trained in PyTorch for some updates."""
    file = tmp_path_factory.mktemp("torch") / "agent.safetensors"
    arguments = ["--env", "mini-warehouse", "--total-steps", "4096", "--out", str(file)]
    with pytest.raises(SystemExit) as exit_:
        train(arguments)
    assert exit_.value.code == 0
    return file


@pytest.mark.slow
def test_an_agent_goes_to_a_run_and_back_and_earns_the_same(trained, tmp_path, capsys):
    run, again = tmp_path / "run", tmp_path / "again.safetensors"
    done(convert, trained, run)
    done(convert, run, again)
    assert again.read_bytes() == trained.read_bytes()
    done(evaluate, again, "--episodes", "50", "--env", "mini-warehouse")
    mean = capsys.readouterr().out.split("greedy   mean return ")[1].split(" ")[0]
    done(evaluate_in_jax, "--checkpoint", run, "--episodes", "50")
    (greedy,) = [line for line in capsys.readouterr().out.splitlines() if "greedy" in line]
    assert mean in greedy


@pytest.mark.slow
def test_an_agent_of_parts_choices_and_masks_plays_the_same_in_pytorch(tmp_path):
    """A Dict of a picture and a vector, two choices at once, normalised and masked."""
    place = f"{Path(__file__).parents[1] / 'structured.py'}:Structured"
    config = iam_jax.preset(
        place,
        **{"num_envs": 16, "num_steps": 12, "bptt_length": 12, "minibatch_steps": 96, "total_steps": 4000},
        **{"hidden": 8, "fc": (16,), "joint": (16,), "burn_in": 3, "normalise_observations": True},
        **{"num_evaluations": 1, "eval_episodes": 4, "final_episodes": 4},
    )
    run = iam_jax.train(config, run_dir=tmp_path / "run", display=False)
    file = tmp_path / "agent.safetensors"
    done(convert, tmp_path / "run", file)
    agent, seed = load_agent(str(file)), 1_000_000
    theirs = episode_returns(agent.model, VectorEnv(agent.run, 40, jax.random.key(seed)), greedy=True)
    ours = run.agent.evaluate(episodes=40, seed=seed, greedy=True).returns
    assert ours.std() > 0.1
    np.testing.assert_allclose(theirs, ours, atol=1e-5)  # one other action would change a return


@pytest.mark.slow
def test_a_run_of_several_seeds_gives_the_seed_asked_for(tmp_path):
    run = bridge.run_config("mini-warehouse", "paper", "fnn", num_seeds=2, seed=5)
    params = []
    config = bridge.to_config(run)
    state = Learners(make_learner(config), config).init()
    stored.save(config, tmp_path)
    Checkpoints(tmp_path).save(state, Progress(update=0))
    for seed in (None, 6):
        params.append(bridge.read_run(str(tmp_path), "last", seed)[0]["params"]["heads"]["policy"]["kernel"])
    np.testing.assert_array_equal(params, state.params["params"]["heads"]["policy"]["kernel"])
    with pytest.raises(ConfigError, match="has the seeds 5, 6, not 7"):
        bridge.read_run(str(tmp_path), "last", 7)


def status(command, *arguments):
    with pytest.raises(SystemExit) as exit_:
        command([str(x) for x in arguments])
    return exit_.value.code


def done(command, *arguments):
    assert not status(command, *arguments)


def refused(command, *arguments):
    assert status(command, *arguments) == 2


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        ("missing.safetensors", "run", "There is no file"),
        ("nowhere", "out.safetensors", "it has no config.json"),
        ("a", "b", "One of the two must be a .safetensors file"),
        ("damaged.safetensors", "run", "is not an agent"),
    ],
)
def test_wrong_files_end_in_one_sentence(tmp_path, capsys, source, target, sentence):
    (tmp_path / "damaged.safetensors").write_bytes(b"not one")
    refused(convert, tmp_path / source, tmp_path / target)
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
    assert not (tmp_path / target).exists()


def test_an_existing_run_is_not_written_over(trained, tmp_path, capsys):
    refused(convert, trained, tmp_path)
    assert "exists; give the folder of a new run" in capsys.readouterr().err


def test_an_environment_that_does_not_fit_the_agent_is_refused(trained, capsys):
    refused(evaluate, trained, "--env", "warehouse")
    assert "warehouse has obs_shape = (73,), the agent (37,)" in capsys.readouterr().err
    refused(evaluate, trained, "--env", "warehous")
    assert "Did you mean warehouse" in capsys.readouterr().err
    refused(evaluate, trained, "--env-args", "nonsense")
    assert "NAME=VALUE" in capsys.readouterr().err


def test_training_refuses_what_cannot_work(tmp_path, capsys):
    refused(train, "--out", tmp_path / "no" / "agent.safetensors")
    assert "cannot be written" in capsys.readouterr().err
    refused(train, "--preset", "papers")
    assert "Presets are" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["convert", "evaluate", "parity", "train"])
def test_a_missing_pytorch_ends_in_one_sentence(tmp_path, module):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch', name='torch')")
    path = f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"
    result = subprocess.run(
        [sys.executable, "-m", f"iam_torch_ref.{module}"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr == "error: iam_torch_ref needs torch: pip install -e '.[parity]'\n"


class Everything(Selector):
    def __call__(self, obs, h=None):
        return obs


def test_a_class_of_ones_own_cannot_be_converted_and_is_named():
    model = make_model(IAMConfig(d_set=Everything), spaces.Box(-1.0, 1.0, (3,)), spaces.Discrete(2))
    with pytest.raises(ConfigError, match=r"has no class .*:Everything\."):
        bridge.of_model(model)
