"""Selectors, encoders and whole networks of one's own: found by their place, run, stored, and blamed."""

import dataclasses
import re
import textwrap

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs_jax
import iam_jax
from envs_jax import paths, spaces
from iam_jax import stored
from iam_jax.attention import check_parts
from iam_jax.config import ConfigError, IAMConfig, OwnConfig
from iam_jax.models.actor_critic import Heads, Network, forward
from iam_jax.models.d_set import Selector
from iam_jax.models.make import make_model
from iam_jax.models.observations import encoder_for
from iam_jax.train import parse

OBSERVATIONS, ACTIONS = spaces.Box(-1.0, 1.0, (4,)), spaces.Discrete(3)
SMALL = {
    "total_steps": 512,
    "num_envs": 4,
    "num_steps": 16,
    "bptt_length": 8,
    "num_evaluations": 1,
    "final_episodes": 4,
    "eval_episodes": 4,
}


class Differences(Selector):
    def __call__(self, obs, h=None):
        now, before = jnp.split(obs, 2, axis=-1)
        return now - before


class Asking(Selector):
    reads_memory = True

    @nn.compact
    def __call__(self, obs, h=None):
        return obs * nn.sigmoid(nn.Dense(obs.shape[-1])(h))


class TwoLayers(nn.Module):
    @nn.compact
    def __call__(self, obs):
        return nn.tanh(nn.Dense(5)(nn.tanh(nn.Dense(6)(obs))))


class OfATree(nn.Module):
    @nn.compact
    def __call__(self, obs):
        return jnp.concatenate([nn.Dense(3)(obs["speed"]), obs["place"][..., None] * 1.0], axis=-1)


class LastStep(Network):
    def setup(self):
        self.encoder, self.heads = encoder_for(self.config, self.parts), Heads(self.config, self.policy)

    @nn.nowrap
    def initial_carry(self, batch):
        return (jnp.zeros((batch, sum(self.parts[0].sizes))),)

    def __call__(self, carry, obs, first):
        now = self.encoder(obs)
        before = jnp.concatenate([carry[0][None], now[:-1]])
        before = jnp.where(first[..., None], 0, before)
        return (now[-1],), *self.heads(jnp.concatenate([now, before], axis=-1))


class Map(nn.Module):
    def __call__(self, obs):
        return obs[..., None]


class Needy(Selector):
    size: int

    def __call__(self, obs, h=None):
        return obs


class Wrong(Selector):
    def __call__(self, obs, h=None):
        raise RuntimeError("not today")


class Growing(LastStep):
    def __call__(self, carry, obs, first):
        (now,), outputs, value = super().__call__(carry, obs, first)
        return (now[:, :1],), outputs, value


class Short(LastStep):
    def __call__(self, carry, obs, first):
        carry, outputs, value = super().__call__(carry, obs, first)
        return carry, outputs[..., 1:], value


def started(config, observations=OBSERVATIONS, steps=4):
    model = make_model(config, observations, ACTIONS)
    keys = jax.random.split(jax.random.key(0), 2)
    obs = jax.vmap(jax.vmap(observations.sample))(jax.random.split(keys[0], (steps, 2)))
    first = jnp.zeros((steps, 2), bool)
    return model, model.init(keys[1], model.initial_carry(2), obs, first), obs, first


@pytest.mark.slow
def test_a_selector_of_ones_own_decides_what_the_memory_reads():
    model, params, obs, first = started(IAMConfig(fc=(), hidden=6, d_set=Differences))
    outputs = [forward(model, params, model.initial_carry(2), x, first)[0][0] for x in (obs, obs + 3)]
    np.testing.assert_allclose(*outputs, atol=1e-6)  # the same in both halves leaves the difference


@pytest.mark.slow
def test_a_selector_that_asks_the_memory_needs_a_cell_with_steps():
    model, params, obs, first = started(IAMConfig(fc=(), hidden=6, d_set=Asking))
    assert forward(model, params, model.initial_carry(2), obs, first)[1].shape == (4, 2, 3)
    with pytest.raises(ValueError, match=r"Asking asks what the memory was .* --cell lru computes all steps"):
        make_model(IAMConfig(d_set=Asking, cell="lru"), OBSERVATIONS, ACTIONS)


@pytest.mark.slow
def test_both_paths_read_what_an_encoder_of_ones_own_makes():
    model, params, obs, first = started(IAMConfig(fc=(8,), hidden=6, encoder=TwoLayers, d_set_indices=(0, 4)))
    assert params["params"]["encoder"]["inner"]["Dense_0"]["kernel"].shape == (6, 5)
    assert params["params"]["fc"]["Dense_0"]["kernel"].shape == (5, 8)
    assert forward(model, params, model.initial_carry(2), obs, first)[2].shape == (4, 2)


@pytest.mark.slow
def test_an_encoder_of_ones_own_reads_a_tree():
    tree = spaces.Dict({"place": spaces.Discrete(3), "speed": spaces.Box(-1.0, 1.0, (2,))})
    _, params, _, _ = started(IAMConfig(fc=(8,), hidden=6, encoder=OfATree, d_set="identity"), tree)
    assert params["params"]["fc"]["Dense_0"]["kernel"].shape == (4, 8)


def test_a_network_of_ones_own_reads_through_an_encoder_of_ones_own():
    _, params, _, _ = started(OwnConfig(network=LastStep, encoder=TwoLayers))
    assert params["params"]["heads"]["policy"]["kernel"].shape == (10, 3)


@pytest.mark.slow
def test_attention_over_what_an_encoder_of_ones_own_makes_has_no_picture():
    model, _, _, _ = started(IAMConfig(fc=(), hidden=6, encoder=TwoLayers, d_set="dynamic"))
    with pytest.raises(ConfigError, match=r"--attention pictures the observation .*:TwoLayers makes another"):
        check_parts(model)


def test_an_encoder_of_ones_own_reads_normalised_observations():
    options = {"fc": (), "hidden": 6, "encoder": TwoLayers, "d_set": "identity"}
    _, params, _, _ = started(IAMConfig(**options, normalise_observations=True))
    assert params["statistics"]["encoder"]["normalise_0"]["mean"].shape == (4,)
    assert "statistics" not in started(IAMConfig(**options))[1]


@pytest.mark.slow
def test_a_network_of_ones_own_forgets_where_an_episode_begins_and_has_the_same_results_in_chunks():
    model, params, obs, first = started(OwnConfig(network=LastStep), steps=6)
    first = first.at[3].set(True)
    _, whole, _ = forward(model, params, model.initial_carry(2), obs, first)
    carry, chunks = model.initial_carry(2), []
    for part in (slice(0, 2), slice(2, 6)):
        carry, outputs, _ = forward(model, params, carry, obs[part], first[part])
        chunks.append(outputs)
    np.testing.assert_allclose(jnp.concatenate(chunks), whole, atol=1e-6)
    other = forward(model, params, model.initial_carry(2), obs.at[:3].add(1.0), first)[1]
    np.testing.assert_array_equal(other[3:], whole[3:])


WRONG = {
    "selector without its base": (IAMConfig(d_set=TwoLayers), "--d-set .*TwoLayers must derive from Select"),
    "selector with an argument": (IAMConfig(d_set=Needy), "Needy cannot be made with no arguments"),
    "selector that fails": (
        IAMConfig(d_set=Wrong),
        r"--d-set .*:Wrong cannot be run \(RuntimeError: not today in test_own_parts.py, line \d+\)",
    ),
    "encoder of a map": (
        IAMConfig(encoder=Map),
        r"must make vectors float\[T, B, O\] .* not float32\[1, 1, 4, 1\]",
    ),
    "network without its base": (OwnConfig(network=TwoLayers), "--model .*TwoLayers must derive from Net"),
    "memory that changes its shape": (
        OwnConfig(network=Growing),
        r"float32\[3, 4\], and after it, float32\[3, 1\]",
    ),
    "too few outputs": (
        OwnConfig(network=Short),
        r"must return outputs \[T, B, 3\] .* they are \[2, 3, 2\]",
    ),
    "manual without indices": (IAMConfig(encoder=TwoLayers), "A manual d-set needs indices"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_class_that_breaks_its_contract_is_named_in_one_sentence(name):
    config, sentence = WRONG[name]
    with pytest.raises(ValueError, match=sentence):
        make_model(config, OBSERVATIONS, ACTIONS)


def test_the_environments_own_d_set_does_not_name_what_an_encoder_of_ones_own_makes(tmp_path):
    config, folder = iam_jax.preset("warehouse", encoder=TwoLayers, **SMALL), tmp_path / "run"
    with pytest.raises(ConfigError, match="makes 5 others of them: give --d-set-indices"):
        iam_jax.train(config, run_dir=folder, display=False)
    assert not folder.exists()


def test_a_class_becomes_its_place_and_one_inside_of_a_function_is_refused():
    assert IAMConfig(cell="gru", d_set=Differences).d_set == f"{__name__}:Differences"

    class Hidden(Selector):
        pass

    with pytest.raises(ConfigError, match="Hidden is defined inside of a function: define it at the top"):
        IAMConfig(d_set=Hidden)


@pytest.mark.parametrize("option", ["cell", "encoder", "d_set"])
def test_a_wrong_name_is_told_the_right_ones_and_how_to_name_a_class(option):
    with pytest.raises(ConfigError, match=rf"--{option.replace('_', '-')} must be one of .* as my_module:My"):
        IAMConfig(**{option: "nonsense"})


FILE = textwrap.dedent(
    """
    import flax.linen as nn
    import jax.numpy as jnp
    from iam_jax.models.actor_critic import Heads, Network
    from iam_jax.models.observations import encoder_for

    class Plain(Network):
        def setup(self):
            self.encoder, self.heads = encoder_for(self.config, self.parts), Heads(self.config, self.policy)

        @nn.nowrap
        def initial_carry(self, batch):
            return ()

        def __call__(self, carry, obs, first):
            return carry, *self.heads(self.encoder(obs))
    """
)


@pytest.mark.slow
def test_a_run_with_a_network_of_ones_own_is_loaded_resumed_and_misses_its_file(tmp_path, monkeypatch):
    (tmp_path / "parts.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    typed = ["--env", "CartPole-v1", "--model", "parts.py:Plain"]
    config = parse(typed)
    sizes = dataclasses.asdict(iam_jax.preset("CartPole-v1", model="rnn").model)
    assert config.model == OwnConfig(network=f"{tmp_path}/parts.py:Plain", **sizes)
    run = iam_jax.train(config.replace(**SMALL), display=False)
    folder = run.run_dir.resolve()
    assert re.fullmatch(r"CartPole-v1-.*-Plain-seed0", folder.name)
    before = run.agent.evaluate(episodes=4).returns
    monkeypatch.chdir("/")  # the place is found from anywhere
    after = iam_jax.load(folder, which="last").evaluate(episodes=4).returns
    np.testing.assert_array_equal(after, before)
    assert stored.load(folder) == run.config
    monkeypatch.setattr(paths, "_loaded", {})
    (tmp_path / "parts.py").unlink()
    with pytest.raises(ConfigError, match=r"There is no file .*parts\.py"):
        iam_jax.load(folder)


def test_resume_takes_the_same_network_by_its_place_and_no_other(tmp_path, monkeypatch):
    (tmp_path / "parts.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    config = parse(["--env", "CartPole-v1", "--model", "parts.py:Plain"])
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    stored.save(config, run_dir)
    assert parse(["--resume", "run", "--model", "parts.py:Plain"]) == config
    with pytest.raises(ConfigError, match="leave out"):
        parse(["--resume", "run", "--model", "rnn"])


@pytest.mark.slow
def test_the_learner_takes_a_network_of_ones_own():
    env, params = envs_jax.make("CartPole-v1")
    model = iam_jax.model_for(OwnConfig(network=LastStep), env, params)
    ppo = iam_jax.PPOConfig(num_envs=4, num_steps=8, bptt_length=4)
    learner = iam_jax.Learner(env, params, model, ppo, 2)
    before = learner.init(jax.random.key(0))
    after, _ = jax.jit(learner.update)(before)
    for old, new in zip(jax.tree.leaves(before.params), jax.tree.leaves(after.params), strict=True):
        assert old.shape == new.shape and jnp.abs(old - new).max() > 0


def test_a_model_that_is_no_name_and_no_class_is_refused():
    with pytest.raises(ConfigError, match="--model must be one of iam, rnn, fnn, fnn-stack, or a class"):
        parse(["--model", "transformer"])
