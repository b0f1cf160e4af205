"""Stored runs: what older versions wrote is still read, and what is damaged is named."""

import json
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest

from iam_jax import stored
from iam_jax.agent import load, load_all
from iam_jax.api import resume
from iam_jax.config import Config, ConfigError, FNNConfig, IAMConfig, RNNConfig
from iam_jax.presets import preset
from iam_jax.run import Finished

DATA = Path(__file__).parent / "data"
KINDS = {
    "warehouse-iam-full": preset("warehouse", "fast", "iam"),
    "warehouse-rnn": preset("warehouse", "fast", "rnn", num_envs=256),
    "warehouse-fnn-stack": preset("warehouse", "fast", "fnn-stack", num_envs=256),
    "warehouse-paper-iam": preset("warehouse", "paper", "iam"),
    "warehouse-dynamic": preset("warehouse", d_set="dynamic", heads=2, attention_units=16, num_envs=64),
    "traffic-iam": preset("traffic", num_envs=64, num_minibatches=2),
    "minatar-iam": preset("minatar-breakout", flicker=0.5, num_envs=16, num_minibatches=2),
    "doors-iam": preset("redbluedoors-6x6", num_envs=32, num_minibatches=4, previous_action=True),
}
"""A config.json of version 1 -> the config that its command line gives today."""


@pytest.mark.parametrize("name", KINDS)
def test_a_config_of_version_1_is_the_config_that_its_command_gives_today(name):
    config = stored.from_json((DATA / f"config-{name}.json").read_text())
    wanted = KINDS[name]
    assert config.model == wanted.model and type(config.model) is type(wanted.model)
    assert config.ppo.minibatches == wanted.ppo.minibatches, "the batches would differ"
    same = wanted.replace(num_minibatches=config.ppo.num_minibatches, minibatch_steps=256)
    assert config == same


@pytest.fixture(params=["iam", "fnn-two-seeds"])
def old_run(request, tmp_path):
    """A run of version 1, stopped after 20 of its 40 updates, and the parameters that it ended with."""
    with zipfile.ZipFile(DATA / f"{request.param}.zip") as archive:
        archive.extractall(tmp_path / "old")
    return tmp_path / "old"


@pytest.mark.slow
def test_a_run_of_version_1_goes_on_to_the_parameters_it_had_there(old_run):
    run = resume(old_run, display=False)
    assert isinstance(run.outcome, Finished)
    ended = dict(np.load(old_run / "final_params.npz"))
    agents = run.agents("last")
    for path, value in jax.tree_util.tree_flatten_with_path(agents[-1].params)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        theirs = ended[name] if len(agents) == 1 else ended[name][-1]
        np.testing.assert_allclose(value, theirs, atol=1e-5)
    assert [row["update"] for row in run.rows][-1] == 40


@pytest.mark.slow
def test_a_run_of_version_1_is_evaluated(old_run):
    agents = load_all(old_run)
    assert [agent.seed for agent in agents] == list(range(len(agents)))
    assert all(0 < agent.evaluate(episodes=16).mean < 30 for agent in agents)
    with pytest.raises(ConfigError, match="has the seeds"):
        load(old_run, seed=7)


WRONG = {
    "seed": ["a", None, 1.5, True, [], {}, 2**31, -1],
    "env": [5, None, ["warehouse"]],
    "env_args": [5, [1], "size=9", [["size=9"]]],
    "frame_stack": ["2", 0, 1e9],
    "flicker": ["a", 2, -0.5, None],
    "previous_action": ["yes", 1, None],
    "observe": ["all", 1, True, []],
    "distractors": ["3", -1, 1.5, None],
    "total_steps": ["1e6", 0, -1, 1.5],
    "preset": ["slow", 5],
    "init_from": [5, []],
    "model": [None, [], "iam", 3, {}, {"kind": "zz"}, {"kind": ["iam"]}],
    "ppo": [None, [], "x"],
    "output": [5, []],
}
WRONG_IN = {
    "model": {"hidden": [6.5, "a", 0, None], "fc": ["abc", [6.5], 5, [0]], "cell": ["xlstm", 5],
              "kind": [1], "d_set_indices": [[1.5], 5, [-1]], "d_set_boxes": [[1, 2], [[1, 2, 3]]],
              "bias": [1], "units": [5]},
    "ppo": {"num_envs": [None, "x", 0, 2**40, 1.5], "gamma": ["a", 2, -1], "learning_rate": ["fast", -1],
            "max_grad_norm": ["a", 0], "clip_value": ["no"], "learning_rat": [0.1]},
    "output": {"eval_episodes": [0, "many"], "tensorboard": ["yes"], "wandb": [5],
               "checkpoint_interval": ["a"]},
}  # fmt: skip
CASES = [((name,), value) for name, values in WRONG.items() for value in values] + [
    ((section, name), value)
    for section, options in WRONG_IN.items()
    for name, values in options.items()
    for value in values
]


@pytest.mark.parametrize(("path", "value"), CASES, ids=[f"{'.'.join(p)}={v!r}"[:60] for p, v in CASES])
def test_a_wrong_value_in_a_config_is_refused_by_its_name(path, value, tmp_path):
    values = json.loads(stored.to_json(Config()))
    part = values
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ConfigError, match="damaged or of another version") as error:
        stored.load(tmp_path)
    assert path[-1].replace("_", "-") in str(error.value).replace("_", "-"), "which option is not said"
    assert "\n" not in str(error.value)


def test_an_unknown_option_is_named_with_the_one_that_is_meant(tmp_path):
    values = stored.to_dict(Config())
    with pytest.raises(ConfigError, match=r"knows no sead; did you mean seed\?"):
        stored.from_dict(values | {"sead": 1})
    with pytest.raises(ConfigError, match="written by a later version"):
        stored.from_dict(values | {"quantum": 1})
    with pytest.raises(ConfigError, match=r"another version.*reads 1 and 2"):
        stored.from_dict(values | {"version": 3})


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ConfigError, match="not UTF-8"):
        stored.load(tmp_path)


@pytest.mark.parametrize("model", [IAMConfig(d_set="static"), RNNConfig(cell="lstm"), FNNConfig(fc=(8, 4))])
def test_every_kind_of_network_survives_being_stored(model):
    config = Config(model=model, env_args=("size=9",))
    assert stored.from_json(stored.to_json(config)) == config
    assert not hasattr(FNNConfig(), "d_set"), "a feedforward net has no d-set"
