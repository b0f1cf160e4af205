"""The search for a d-set finds the known ones, and says so where no memory is needed."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

import iam_jax
from envs_jax import spaces
from envs_jax.environment import Environment, EnvParams, EnvState
from iam_jax.d_set.__main__ import main
from iam_jax.d_set.histories import columns, standardised
from iam_jax.d_set.search import Tried, find_d_set, sizes_to_try, smallest
from iam_jax.train import parse

SMALL = {"num_histories": 192, "history_length": 12, "fit_steps": 200, "units": 16}


class Echo(Environment):
    """Four coins are shown; one step later the second one is paid for. Nothing shows what is hidden."""

    class State(EnvState):
        coins: jax.Array = struct.field()
        before: jax.Array = struct.field()

    default_params = EnvParams(max_steps_in_episode=50)

    def begin(self, key, params):
        coins = jax.random.bernoulli(key, shape=(4,))
        return self.State(time=jnp.int32(0), coins=coins, before=coins)

    def advance(self, key, state, action, params):
        coins = jax.random.bernoulli(key, shape=(4,))
        reward = jnp.where(action == state.before[1], 1.0, -1.0).astype(jnp.float32)
        return self.State(time=state.time + 1, coins=coins, before=state.coins), reward

    def observe(self, state, params):
        return {"coins": state.coins.astype(jnp.float32)}

    def observation_space(self, params=None):
        return spaces.Dict({"coins": spaces.Box(0.0, 1.0, (4,))})

    def action_space(self, params=None):
        return spaces.Discrete(2)


class Seen(Echo):
    """The same, and the coin that is paid for is the one that is seen now."""

    def advance(self, key, state, action, params):
        after, _ = super().advance(key, state, action, params)
        return after, jnp.where(action == state.coins[1], 1.0, -1.0).astype(jnp.float32)


@pytest.mark.slow
def test_the_hint_of_a_maze_is_found_among_coins():
    found = find_d_set(iam_jax.preset("tmaze", env_args=("length=6", "distractors=4")), **SMALL)
    assert found.variables in (("0",), ("1",))  # left alone tells what right would
    assert found.predicted == "what is hidden" and found.needs_memory
    assert len(found.order) == 7 and found.tried[-1].names == tuple(map(str, range(7)))


@pytest.mark.slow
def test_where_nothing_is_shown_as_hidden_the_future_tells_what_must_be_remembered():
    found = find_d_set(Echo(), **SMALL | {"fit_steps": 400})
    assert found.variables == ("coins[1]",)
    assert found.predicted == "the next observation and reward"
    assert found.options == "--model iam --d-set manual --d-set-indices 'coins[1]'"


@pytest.mark.slow
def test_no_memory_is_advised_where_the_present_tells_all():
    found = find_d_set(Seen(), **SMALL)
    assert not found.needs_memory and found.options == "--model fnn"


def test_the_smallest_is_taken_that_is_as_good_within_its_error():
    rows = {0: Tried((), 1.0, 0.9, 0.01), 1: Tried(("a",), 0.2, 0.1, 0.02), 2: Tried(("a", "b"), 0.1, 0, 0)}
    assert smallest(rows) == 2
    assert smallest(rows | {1: Tried(("a",), 0.112, 0.012, 0.0041)}) == 1  # three errors
    assert smallest(rows | {1: Tried(("a",), 0.112, 0.012, 0.0039)}) == 2
    assert smallest(rows | {1: Tried(("a",), 0.109, 0.009, 0.0)}) == 1  # a hundredth
    assert sizes_to_try(11) == [0, 1, 2, 3, 4, 6, 8, 11]


def test_few_whole_numbers_are_one_hot_and_what_never_varies_is_not_predicted():
    coin, many = np.array([[0, 1, 2], [2, 0, 1]]), np.arange(60).reshape(2, 30)
    assert columns({"coin": coin}).shape == (2, 3, 3)
    assert columns({"many": many[:, :, None]}).shape == (2, 30, 1)
    x = standardised(np.stack([coin.astype(float), np.ones((2, 3))], -1))
    assert x.shape == (2, 3, 1) and x.mean() == pytest.approx(0, abs=1e-6) and x.std() == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--env minatar-breakout", "is a picture, whose pixels are no variables"),
        ("--env tmaze --policy nobody", "--policy must be one of random, remembers the hint"),
        ("--env tmaze --num-fits 1", "--num-fits must be at least 2, not 1"),
        ("--env tmaze --agent somewhere", "leave out --env tmaze"),
        ("--agent nowhere", "nowhere"),
        ("--env tmaze --output /proc/x", "choose another with --output"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_sentence(
    arguments, sentence, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(arguments.split())
    error = capsys.readouterr().err
    assert exit_.value.code == 2 and sentence in error and "Traceback" not in error


@pytest.mark.slow
def test_the_command_leaves_a_table_a_picture_and_options_that_train(tmp_path, capsys):
    arguments = "--env tmaze --env-args length=3 distractors=2 --num-histories 96 --history-length 8"
    arguments += f" --fit-steps 60 --units 8 --policy random --output {tmp_path}"
    with pytest.raises(SystemExit) as exit_:
        main(arguments.split())
    assert not exit_.value.code
    found = json.loads((tmp_path / "d_set.json").read_text())
    assert (tmp_path / "d_set.png").stat().st_size > 5000
    assert found["options"] in capsys.readouterr().out
    assert parse(f"--env tmaze {found['options']}".split()).env == "tmaze"
