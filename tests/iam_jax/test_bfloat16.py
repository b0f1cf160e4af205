"""With --dtype bfloat16 products are rounded, and nothing that must be exact is."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from selection import quick_if

from envs_jax.spaces import Box, Discrete
from iam_jax import precision
from iam_jax.config import IAMConfig, RNNConfig
from iam_jax.models.actor_critic import forward
from iam_jax.models.dense import product
from iam_jax.models.make import make_model
from iam_jax.run import Run
from iam_jax.train import parse

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


def products(f, *arguments):
    """Types of the factors of every product of matrices in a program, as (f32, f32) or (bf16, bf16)."""
    lines = jax.jit(f).lower(*arguments).as_text().splitlines()
    factors = [line.rpartition(" : (")[2].split(") -> ")[0] for line in lines if "dot_general" in line]
    return [tuple(x.rstrip(">").rpartition("x")[2] for x in pair.split(", ")) for pair in factors]


@pytest.mark.parametrize("name", quick_if(lambda name: name == QUICK, CASES))
def test_products_are_rounded(name):
    """Every kernel but those of the heads, or the option would not save what it is for."""
    config, shape = CASES[name]
    model = make_model(dataclasses.replace(config, dtype="bfloat16"), Box(-10.0, 10.0, shape), Discrete(A))
    obs, first, carry = jnp.zeros((T, B, *shape)), jnp.zeros((T, B), bool), model.initial_carry(B)
    params = jax.eval_shape(model.init, jax.random.key(0), carry, obs, first)
    found = products(lambda params: forward(model, params, carry, obs, first), params)
    sums = 1 if "dynamic" in name else 0  # of what attention weighs, in float32
    assert found.count(("f32", "f32")) == 2 + sums
    assert found.count(("bf16", "bf16")) == len(found) - 2 - sums > 2


def test_the_gradient_of_a_kernel_is_summed_in_float32_on_a_cpu():
    """In bfloat16 it is slower there than in float32; the other two products are faster."""

    def loss(rows, kernel):
        return product(rows, kernel, jnp.dtype("bfloat16")).sum()

    rows, kernel = jnp.ones((64, 8)), jnp.ones((8, 4))
    found = products(jax.grad(loss, (0, 1)), rows, kernel)
    on_cpu = jax.default_backend() == "cpu"
    assert found.count(("f32", "f32")) == on_cpu and ("bf16", "bf16") in found


@pytest.mark.parametrize("shape", [(9, 5, 3), (9, 3, 5)], ids=["narrower", "wider"])
def test_a_rounded_product_has_the_gradients_of_rounded_factors(shape):
    number, inputs, outputs = shape
    keys = jax.random.split(jax.random.key(0), 3)
    rows, kernel = jax.random.normal(keys[0], (number, inputs)), jax.random.normal(keys[1], (inputs, outputs))
    gradient = jax.random.normal(keys[2], (number, outputs))
    y, backwards = jax.vjp(lambda x, w: product(x, w, jnp.dtype("bfloat16")), rows, kernel)
    near = lambda x: np.float32(x.astype(jnp.bfloat16))  # noqa: E731
    np.testing.assert_allclose(y, near(rows) @ near(kernel), rtol=1e-5, atol=1e-5)
    of_rows, of_kernel = backwards(gradient)
    np.testing.assert_allclose(of_rows, near(gradient) @ near(kernel).T, rtol=1e-5, atol=1e-5)
    if jax.default_backend() == "cpu":
        np.testing.assert_allclose(of_kernel, np.float32(rows).T @ np.float32(gradient), rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_allclose(of_kernel, near(rows).T @ near(gradient), rtol=1e-5, atol=1e-5)


def test_auto_is_one_of_the_types_and_the_run_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setattr("iam_jax.precision.fastest_dtype", lambda: "bfloat16")
    config = parse(
        ["--env", "mini-warehouse", "--num-envs", "64", "--num-minibatches", "1", "--dtype", "auto"]
    )
    run = Run(config, tmp_path / "run")
    assert config.model.dtype == "auto" and run.config.model.dtype == "bfloat16"
    monkeypatch.undo()
    assert precision.fastest_dtype() in ("float32", "bfloat16")


@pytest.mark.parametrize(("factor", "chosen"), [(0.5, "bfloat16"), (1.0, "float32"), (2.0, "float32")])
def test_auto_takes_bfloat16_only_where_it_is_faster(factor, chosen, monkeypatch):
    """Times of both are made up: a clock that only moves while a program runs."""
    now = [0.0]

    class Program:
        def __init__(self, seconds):
            self.seconds = seconds

        def lower(self, *arguments):
            return self

        compile = lower

        def __call__(self, *arguments):
            now[0] += self.seconds

    monkeypatch.setattr(precision, "_gradient", lambda name: Program(factor if name == "bfloat16" else 1.0))
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0])
    assert precision.fastest_dtype.__wrapped__() == chosen
