"""With --dtype bfloat16 products are rounded, and nothing that must be exact is."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from selection import quick_if

from envs_jax.spaces import Box, Discrete
from iam_jax.config import IAMConfig, RNNConfig
from iam_jax.models.actor_critic import forward
from iam_jax.models.make import make_model

T, B, A = 5, 4, 3
IAM = IAMConfig(fc=(32,), hidden=16, joint=(16,), d_set_size=5, heads=2, attention_units=8)
VECTOR, IMAGE = (12,), (10, 10, 4)
CASES = {
    "iam static": (dataclasses.replace(IAM, d_set="static"), VECTOR),
    "iam dynamic": (dataclasses.replace(IAM, d_set="dynamic"), VECTOR),
    "iam dynamic, board": (dataclasses.replace(IAM, d_set="dynamic"), IMAGE),
    "rnn lstm": (RNNConfig(fc=(32,), hidden=16, cell="lstm"), VECTOR),
}


def outputs(config, shape):
    """Parameters, then carry, logits and value, then the gradient of their squares."""
    model = make_model(config, Box(-10.0, 10.0, shape), Discrete(A))
    key = jax.random.key(0)
    obs, first = jax.random.normal(key, (T, B, *shape)), jnp.zeros((T, B), bool).at[2, 1].set(True)
    carry = model.initial_carry(B)
    params = jax.jit(model.init)(key, carry, obs, first)
    params = jax.tree.map(lambda x: x + 0.1 * jax.random.normal(key, x.shape), params)

    def loss(params):
        _, logits, value = forward(model, params, carry, obs, first)
        return jnp.square(logits).mean() + jnp.square(value).mean()

    return params, forward(model, params, carry, obs, first), jax.jit(jax.grad(loss))(params)


QUICK = "rnn lstm"


@pytest.fixture(params=quick_if(lambda name: name == QUICK, CASES), scope="module")
def both(request):
    config, shape = CASES[request.param]
    return outputs(config, shape), outputs(dataclasses.replace(config, dtype="bfloat16"), shape)


@pytest.mark.slow
def test_parameters_memory_logits_and_values_stay_float32(both):
    _, rounded = both
    assert {x.dtype for x in jax.tree.leaves(rounded)} == {jnp.dtype("float32")}


@pytest.mark.slow
def test_results_and_gradients_are_those_of_float32_up_to_rounding(both):
    exact, rounded = both
    for one, other in zip(jax.tree.leaves(exact), jax.tree.leaves(rounded), strict=True):
        assert np.linalg.norm(other - one) <= 0.05 * np.linalg.norm(one)


@pytest.mark.parametrize("name", quick_if(lambda name: name == QUICK, CASES))
def test_products_are_rounded(name):
    """Every kernel but those of the heads, or the option would not save what it is for."""
    config, shape = CASES[name]
    model = make_model(dataclasses.replace(config, dtype="bfloat16"), Box(-10.0, 10.0, shape), Discrete(A))
    obs, first, carry = jnp.zeros((T, B, *shape)), jnp.zeros((T, B), bool), model.initial_carry(B)
    params = jax.eval_shape(model.init, jax.random.key(0), carry, obs, first)
    jaxpr = str(jax.make_jaxpr(lambda params: forward(model, params, carry, obs, first))(params))
    products = [line for line in jaxpr.splitlines() if "dot_general" in line]
    exact = [line for line in products if ":f32" in line.split("=")[0]]
    sums = 2 if "dynamic" in name else 0  # of what attention weighs, in float32
    assert len(exact) <= 2 + sums and len(products) >= len(exact)
