import dataclasses
import re

import pytest

from iam_jax import presets
from iam_jax.build import make_learner
from iam_jax.checks import check
from iam_jax.config import Config, ConfigError

ENVIRONMENTS = ("warehouse", "mini-warehouse")
ALL = [
    *((e, p, m) for e in ENVIRONMENTS for p in presets.PRESETS for m in presets.MODELS),
    *((e, p, m) for e in ("traffic", "pong", "breakout") for p in ("fast", "paper") for m in presets.MODELS),
    *(("redbluedoors-8x8", p, m) for p in ("fast", "paper") for m in presets.MODELS),
    *(("rocksample-11", p, m) for p in ("fast", "paper") for m in presets.MODELS),
    *((e, "paper", "iam") for e in ("rocksample-15", "battleship-10")),
]


@pytest.mark.parametrize(("env", "name", "model"), ALL)
def test_every_preset_builds(env, name, model):
    config = presets.preset(env, name, model)
    make_learner(config)
    frames = {"traffic": 32, "pong": 4, "breakout": 4}.get(env, 8)
    assert config.frame_stack == (frames if model == "fnn-stack" else 1)


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("model", presets.MODELS)
def test_fast_preset_divides_at_the_documented_number_of_environments(env, model):
    config = presets.preset(env, "fast", model)
    assert config.ppo.num_envs == 4096
    check(dataclasses.replace(config, ppo=dataclasses.replace(config.ppo, num_envs=2048)))


def test_paper_presets_have_the_published_sizes():
    config = presets.preset("warehouse", "paper", "iam")
    assert (config.model.fc, config.model.hidden, config.model.cell) == ((576, 256), 64, "lstm")
    assert (config.ppo.num_envs, config.ppo.num_steps, config.ppo.bptt_length) == (8, 128, 8)
    assert config.total_steps == 4_000_000 * 8
    assert not config.model.bias and config.model.joint == ()
    mini = presets.preset("mini-warehouse", "paper", "iam")
    assert (mini.model.fc, mini.model.hidden, mini.ppo.bptt_length) == ((256, 256), 128, 16)
    assert mini.total_steps == 2_000_000 * 8
    assert presets.preset("warehouse", "paper", "rnn").model.hidden == 256
    assert presets.preset("warehouse", "paper", "fnn-stack").model.fc == (640, 256)
    traffic = presets.preset("traffic", "paper", "iam")
    assert (traffic.model.fc, traffic.model.hidden, traffic.ppo.bptt_length) == ((128, 128), 128, 32)
    assert presets.preset("traffic", "paper", "rnn").model.fc == (256,)
    assert presets.preset("traffic", "paper", "fnn-stack").model.fc == (512, 256)


def test_paper_presets_of_pictures_have_the_published_sizes():
    iam, rnn, stack = (presets.preset("ale:Pong", "paper", m) for m in ("iam", "rnn", "fnn-stack"))
    assert (iam.model.d_set, iam.model.fc, iam.model.hidden) == ("dynamic", (256,), 128)
    assert (iam.model.heads, iam.model.attention_units) == (1, 128)
    assert (rnn.model.fc, rnn.model.hidden, rnn.model.cell) == ((), 512, "lstm")
    assert (iam.ppo.bptt_length, rnn.ppo.bptt_length) == (8, 4)
    assert (stack.model.fc, stack.frame_stack) == ((512,), 4)
    assert {c.flicker for c in (iam, rnn, stack)} == {0.5} and iam.total_steps == 10_000_000 * 8
    doors = presets.preset("redbluedoors-8x8", "paper", "iam")
    assert (doors.model.fc, doors.model.hidden, doors.model.heads) == ((224, 128), 32, 6)
    assert doors.ppo.bptt_length == 4 and doors.total_steps == 500_000 * 8


def test_paper_presets_of_pobax_have_the_published_numbers():
    """Environment, environments, units, million steps, discount and entropy of its published best runs."""
    for env, num_envs, units, steps, gamma, entropy in (
        ("rocksample-11", 8, 256, 5, 0.99, 0.2),
        ("rocksample-15", 16, 512, 10, 0.99, 0.2),
        ("battleship-10", 32, 512, 10, 1.0, 0.05),
    ):
        config = presets.preset(env, "paper", "rnn")
        ppo, model = config.ppo, config.model
        assert (ppo.num_envs, model.hidden, config.total_steps) == (num_envs, units, steps * 1_000_000)
        assert (ppo.gamma, ppo.gae_lambda, ppo.learning_rate) == (gamma, 0.7, 2.5e-3)
        assert (ppo.entropy, ppo.entropy_end, ppo.learning_rate_end) == (entropy, entropy, 0)
        assert (ppo.num_steps, ppo.num_epochs, ppo.minibatches) == (128, 4, 4)
        assert config.previous_action == ppo.normalise_rewards == env.startswith("rock")


def test_games_and_sizes_share_the_presets_of_their_family():
    for one, other in (
        ("ale:Pong", "ale:MsPacman"),
        ("minatar-breakout", "minatar-asterix"),
        ("redbluedoors-8x8", "redbluedoors-6x6"),
        ("pong", "breakout"),
    ):
        a, b = (presets.preset(env, "fast", "iam") for env in (one, other))
        assert dataclasses.replace(a, env="") == dataclasses.replace(b, env="")
    assert presets.preset("minatar-breakout", "fast", "iam").model.d_set == "dynamic"


def test_environments_without_presets_have_only_the_fast_one():
    assert presets.preset("CartPole-v1", "fast", "iam").model.d_set == "auto"
    with pytest.raises(ConfigError, match="has no preset 'paper'"):
        presets.preset("CartPole-v1", "paper", "iam")
    with pytest.raises(ConfigError, match="traffic has no preset 'best'"):
        presets.preset("traffic", "best", "iam")


def test_the_help_text_names_every_preset():
    text = presets.describe()
    for env, name, _ in ALL:
        assert re.search(rf"{presets.family(env)}.* --preset {name}", text)


@pytest.mark.parametrize("num_envs", [1, 2, 64, 100, 997, 1000, 4096, 2**20])
@pytest.mark.parametrize(
    "env", ["warehouse", "mini-warehouse", "traffic", "minatar-breakout", "redbluedoors-8x8"]
)
def test_any_number_of_environments_can_be_trained(env, num_envs):
    config = presets.preset(env, num_envs=num_envs)
    check(config)
    assert config.ppo.sequences % config.ppo.minibatches == 0
    if num_envs % 64 == 0:
        steps = config.steps_per_update / config.ppo.minibatches
        wanted = min(config.ppo.minibatch_steps, config.steps_per_update)
        assert steps == wanted, "minibatches grow or shrink with the batch"


def test_a_number_of_minibatches_that_does_not_divide_names_the_nearest_that_do():
    with pytest.raises(
        ConfigError, match=r"7 must divide the 100 sequences .*: the nearest that do are 5 and 10"
    ):
        check(presets.preset("warehouse", num_envs=100, num_minibatches=7))


def test_a_misspelt_option_is_answered_with_near_misses_and_a_foreign_one_with_its_network():
    with pytest.raises(ConfigError, match=r"no option 'totl_steps': did you mean total_steps"):
        presets.preset("warehouse", totl_steps=1)
    with pytest.raises(ConfigError, match="hidden is no option of --model fnn"):
        presets.preset("warehouse", model="fnn", hidden=8)
    with pytest.raises(ConfigError, match="model must be of type IAMConfig or RNNConfig or FNNConfig"):
        Config(model="rnn")
