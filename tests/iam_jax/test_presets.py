import dataclasses

import pytest

from iam_jax import presets
from iam_jax.build import make_learner
from iam_jax.checks import check
from iam_jax.config import ConfigError

ENVIRONMENTS = ("warehouse", "mini-warehouse")
ALL = [
    *((e, p, m) for e in ENVIRONMENTS for p in presets.PRESETS for m in presets.MODELS),
    *(("traffic", p, m) for p in ("fast", "paper") for m in presets.MODELS),
]


@pytest.mark.parametrize(("env", "name", "model"), ALL)
def test_every_preset_builds(env, name, model):
    config = presets.preset(env, name, model)
    make_learner(config)
    assert config.frame_stack == ((32 if env == "traffic" else 8) if model == "fnn-stack" else 1)


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("model", presets.MODELS)
def test_fast_preset_divides_at_the_documented_number_of_environments(env, model):
    config = presets.preset(env, "fast", model)
    assert config.ppo.num_envs == 4096
    check(dataclasses.replace(config, ppo=dataclasses.replace(config.ppo, num_envs=2048)))


def test_paper_presets_have_the_published_sizes():
    config = presets.preset("warehouse", "paper", "iam")
    assert (config.network.fc, config.network.hidden, config.network.cell) == ((576, 256), 64, "lstm")
    assert (config.ppo.num_envs, config.ppo.num_steps, config.ppo.bptt_length) == (8, 128, 8)
    assert config.total_steps == 4_000_000 * 8
    assert not config.network.bias and config.network.joint == ()
    mini = presets.preset("mini-warehouse", "paper", "iam")
    assert (mini.network.fc, mini.network.hidden, mini.ppo.bptt_length) == ((256, 256), 128, 16)
    assert mini.total_steps == 2_000_000 * 8
    assert presets.preset("warehouse", "paper", "rnn").network.hidden == 256
    assert presets.preset("warehouse", "paper", "fnn-stack").network.fc == (640, 256)
    traffic = presets.preset("traffic", "paper", "iam")
    assert (traffic.network.fc, traffic.network.hidden, traffic.ppo.bptt_length) == ((128, 128), 128, 32)
    assert presets.preset("traffic", "paper", "rnn").network.fc == (256,)
    assert presets.preset("traffic", "paper", "fnn-stack").network.fc == (512, 256)


def test_environments_without_presets_have_only_the_fast_one():
    assert presets.preset("CartPole-v1", "fast", "iam").network.d_set == "identity"
    with pytest.raises(ConfigError, match="has no preset 'paper'"):
        presets.preset("CartPole-v1", "paper", "iam")
    with pytest.raises(ConfigError, match="traffic has no preset 'best'"):
        presets.preset("traffic", "best", "iam")


def test_the_help_text_names_every_preset():
    text = presets.describe()
    for env, name, _ in ALL:
        assert f"{env} --preset {name}" in text
