"""--observe hidden and --distractors: options of a run, from its config to its film."""

import json

import jax
import numpy as np
import pytest

import iam_jax
from envs_jax import spaces
from iam_jax import stored
from iam_jax.build import make_env, make_learner
from iam_jax.checks import check
from iam_jax.config import Config, ConfigError
from iam_jax.run import Finished, Stopped
from iam_jax.train import parse

TINY = iam_jax.preset(
    "tmaze",
    env_args=("length=3", "distractors=1"),
    observe="hidden",
    distractors=4,
    previous_action=True,
    frame_stack=2,
    num_envs=8,
    num_steps=8,
    bptt_length=8,
    fc=(8,),
    hidden=4,
    joint=(),
    total_steps=6 * 64,
    num_minibatches=2,
    num_epochs=1,
    eval_episodes=4,
    num_evaluations=1,
    final_episodes=8,
)


def params(folder):
    return jax.tree.leaves(iam_jax.load(folder, which="last").params)


@pytest.mark.slow
def test_a_run_with_both_trains_stops_goes_on_bitwise_plays_and_is_filmed(tmp_path):
    whole = iam_jax.train(TINY, run_dir=tmp_path / "whole", display=False)
    half = iam_jax.train(
        TINY, run_dir=tmp_path / "half", callback=lambda row: row["update"] == 3, display=False
    )
    assert isinstance(whole.outcome, Finished) and half.outcome == Stopped(None)
    assert isinstance(iam_jax.resume(tmp_path / "half", display=False).outcome, Finished)
    for ours, theirs in zip(params(tmp_path / "half"), params(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    agent = iam_jax.load(tmp_path / "half")
    assert -1 <= agent.evaluate(episodes=4).mean <= 1
    assert agent.film(tmp_path / "episode.gif")


@pytest.mark.slow
def test_what_is_shown_stands_in_this_order_in_every_frame():
    env, numbers = make_env(TINY)
    assert env.observation_space(numbers).shape == (2 * (3 + 1 + 1 + 4 + 2),)
    assert env.d_set(numbers) == (0, 1), "the hint no longer is where it was"
    _, state = env.reset(jax.random.key(0), numbers)
    obs, *_ = env.step(jax.random.key(1), state, 1, numbers)
    now, before = np.split(np.asarray(obs), 2)
    goal = int(env.hidden(state)["goal"])
    assert now[4] == before[4] == before[goal] * goal, (
        "the hidden state comes behind the environment's entries"
    )
    assert set(now[5:7]) <= {0, 1} and (np.abs(now[7:8]) <= 1).all()
    np.testing.assert_array_equal([now[9:], before[9:]], [[0, 1], [0, 0]])  # no action led to the first one
    assert make_learner(TINY).model.config.d_set_indices == (0, 1)


def test_a_blank_observation_is_blank_in_its_distractors_too():
    env, numbers = make_env(TINY.replace(observe=None, previous_action=False, frame_stack=1, flicker=1.0))
    obs, _ = env.reset(jax.random.key(0), numbers)
    np.testing.assert_array_equal(obs, np.zeros(8))


def test_discrete_observations_are_shown_one_hot_beside_distractors_where_frames_are_joined():
    config = iam_jax.preset("FrozenLake-misc", distractors=3, frame_stack=2)
    env, numbers = make_env(config)
    shapes = [leaf.shape for _, leaf in spaces.leaves(env.observation_space(numbers))]
    assert shapes == [(32,), (6,)]


def test_a_config_from_before_there_were_bounds_has_none():
    values = stored.to_dict(Config())
    del values["observe"], values["distractors"]
    config = stored.from_json(json.dumps(values))
    assert config == Config() and (config.observe, config.distractors) == (None, 0)
    assert stored.from_json(stored.to_json(TINY)) == TINY


def test_the_command_line_takes_both():
    config = parse(["--env", "warehouse", "--observe", "hidden", "--distractors", "12"])
    assert (config.observe, config.distractors) == ("hidden", 12)


REFUSED = {
    "no hidden state": ("memory-s7", {"observe": "hidden"}, "memory-s7 does not show its hidden state"),
    "a picture": ("pong", {"distractors": 3}, "Distractors go beside vectors, and what pong shows is"),
    "blank, too": ("warehouse", {"observe": "hidden", "flicker": 0.5}, "leave out --flicker"),
    "fewer than none": ("warehouse", {"distractors": -1}, "--distractors must be at least 0, not -1"),
    "too many": ("warehouse", {"distractors": 10**9}, "--distractors must be at most 65,536"),
    "something else": ("warehouse", {"observe": "all"}, "--observe must be one of hidden or nothing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_shown_is_refused_in_one_sentence(case):
    env, options, sentence = REFUSED[case]
    with pytest.raises(ConfigError, match=sentence) as refused:
        config = iam_jax.preset(env, **options)
        check(config)
        make_env(config)
    assert "\n" not in str(refused.value)
