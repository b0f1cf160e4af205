import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from selection import quick_if

from envs_jax.spaces import Box, Discrete
from iam_jax.config import FNNConfig, IAMConfig, RNNConfig
from iam_jax.models.actor_critic import forward
from iam_jax.models.make import make_model

T, B, NUM_VARIABLES, A = 7, 3, 10, 4
OBSERVATIONS, ACTIONS = Box(-10.0, 10.0, (NUM_VARIABLES,)), Discrete(A)
IAM = IAMConfig(fc=(16,), hidden=8, d_set_indices=(1, 4, 7), d_set_size=5, heads=2, attention_units=6)
CONFIGS = {
    **{f"iam {d}": dataclasses.replace(IAM, d_set=d) for d in ("manual", "static", "dynamic", "identity")},
    "iam lstm": dataclasses.replace(IAM, cell="lstm"),
    "iam dynamic lstm": dataclasses.replace(IAM, cell="lstm", d_set="dynamic"),
    "iam joint tanh": dataclasses.replace(IAM, joint=(12, 6), activation="tanh"),
    "iam glorot": dataclasses.replace(IAM, init="glorot", bias=False),
    "rnn": RNNConfig(fc=(16,), hidden=8),
    "rnn lstm, no encoder": RNNConfig(fc=(), hidden=8, cell="lstm"),
    "fnn": FNNConfig(fc=(16, 8)),
}
RECURRENT = [name for name in CONFIGS if name != "fnn"]


def setup(name, seed=0):
    model = make_model(CONFIGS[name], OBSERVATIONS, ACTIONS)
    keys = jax.random.split(jax.random.key(seed), 5)
    obs = jax.random.normal(keys[0], (T, B, NUM_VARIABLES))
    first = jax.random.bernoulli(keys[1], 0.3, (T, B))
    shapes = model.initial_carry(B)
    carry = tuple(jax.random.normal(k, x.shape) for k, x in zip(keys[2:], shapes, strict=False))
    # Small initial logits would hide differences between policies.
    params = jax.tree.map(
        lambda x: x + 0.3 * jax.random.normal(keys[4], x.shape), model.init(keys[4], carry, obs, first)
    )
    return model, params, carry, obs, first


@pytest.mark.parametrize("name", quick_if(lambda name: name in ("rnn", "iam manual", "fnn"), CONFIGS))
def test_output_shapes(name):
    model, params, carry, obs, first = setup(name)
    after, logits, value = forward(model, params, carry, obs, first)
    assert logits.shape == (T, B, A) and value.shape == (T, B)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, model.initial_carry(B))


@pytest.mark.parametrize("name", quick_if(lambda name: name in ("rnn", "iam manual", "fnn"), CONFIGS))
def test_a_sequence_equals_its_single_steps(name):
    model, params, carry, obs, first = setup(name)
    after, logits, value = forward(model, params, carry, obs, first)
    for t in range(T):
        carry, step_logits, step_value = forward(model, params, carry, obs[t : t + 1], first[t : t + 1])
        np.testing.assert_allclose(step_logits[0], logits[t], atol=1e-5)
        np.testing.assert_allclose(step_value[0], value[t], atol=1e-5)
    for one, other in zip(carry, after, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", quick_if(lambda name: name in ("rnn", "iam manual"), RECURRENT))
def test_nothing_before_a_reset_is_remembered(name):
    model, params, carry, obs, first = setup(name)
    first = jnp.zeros_like(first).at[3].set(True)
    other_past = obs.at[:3].add(1.0)
    _, logits, value = forward(model, params, carry, obs, first)
    _, other_logits, other_value = forward(model, params, carry, other_past, first)
    np.testing.assert_array_equal(logits[3:], other_logits[3:])
    np.testing.assert_array_equal(value[3:], other_value[3:])


@pytest.mark.parametrize("name", RECURRENT)
def test_memory_reads_the_past_when_it_is_not_reset(name):
    model, params, carry, obs, first = setup(name)
    none = jnp.zeros_like(first)
    past = obs.at[0].add(1.0)
    logits = forward(model, params, carry, obs, none)[1]
    assert not np.allclose(logits[-1], forward(model, params, carry, past, none)[1][-1], atol=1e-6)


def test_manual_memory_reads_only_the_d_set():
    model, params, carry, obs, first = setup("iam manual")
    outside = obs.at[:, :, jnp.array([0, 2, 3, 5, 6, 8, 9])].add(1.0)
    inside = obs.at[:, :, 4].add(1.0)
    memory = forward(model, params, carry, obs, jnp.zeros_like(first))[0][0]
    same = forward(model, params, carry, outside, jnp.zeros_like(first))[0][0]
    other = forward(model, params, carry, inside, jnp.zeros_like(first))[0][0]
    np.testing.assert_array_equal(memory, same)
    assert not np.allclose(memory, other)


def test_attention_weights_are_a_distribution_over_variables():
    model, params, carry, obs, first = setup("iam dynamic")
    _, kept = model.apply(params, carry, obs, first, mutable="intermediates")
    (weights,) = jax.tree.leaves(kept)
    assert weights.shape == (T, B, 2, NUM_VARIABLES)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


def test_lstm_forgets_less_with_a_forget_bias():
    plain = dataclasses.replace(CONFIGS["iam lstm"], forget_bias=0.0)
    model, params, carry, obs, first = setup("iam lstm")
    with_bias = forward(model, params, carry, obs, first)[1]
    without = forward(make_model(plain, OBSERVATIONS, ACTIONS), params, carry, obs, first)[1]
    assert not np.allclose(with_bias, without)


def test_glorot_without_bias_has_biases_only_in_cell_and_value_head():
    _, params, *_ = setup("iam glorot")
    paths = ["/".join(p.key for p in path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    assert sorted(p for p in paths if p.endswith("bias")) == [
        "params/heads/value/bias",
        "params/memory/cell/candidate_bias",
        "params/memory/cell/input/bias",
    ]


@pytest.mark.parametrize("indices", [(10,), (-1, 2), (3, 3), (), None])
def test_a_d_set_that_does_not_fit_is_refused(indices):
    with pytest.raises(ValueError, match="d-set"):
        make_model(dataclasses.replace(IAM, d_set_indices=indices), OBSERVATIONS, ACTIONS)
