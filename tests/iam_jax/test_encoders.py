"""Images: convolutions, and what the memory reads of the map they make."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from envs_jax.spaces import Box, Discrete
from iam_jax import stored
from iam_jax.config import Config, network
from iam_jax.models.actor_critic import forward
from iam_jax.models.encoders import as_convolution, as_product, choose_encoder, map_size
from iam_jax.models.make import make_model

T, B, A = 3, 2, 4
BOARD, PIXELS = (10, 10, 4), (84, 84, 1)
SCREEN = Box(0, 255, PIXELS, jnp.uint8)
SMALL = {"fc": (16,), "hidden": 8, "d_set_boxes": ((0, 0, 2, 3),), "d_set_size": 5, "heads": 2}


def small(kind="iam", **changes):
    return network(kind, SMALL | changes)


def setup(shape, dtype=jnp.uint8, **changes):
    model = make_model(small(attention_units=6, **changes), Box(0, 255, shape, dtype), Discrete(A))
    obs = jax.random.randint(jax.random.key(0), (T, B, *shape), 0, 256).astype(dtype)
    first = jnp.zeros((T, B), bool)
    carry = tuple(x + 0.5 for x in model.initial_carry(B))
    return model, model.init(jax.random.key(1), carry, obs, first), carry, obs, first


@pytest.mark.parametrize(("shape", "size"), [(PIXELS, (7, 7)), (BOARD, (8, 8))])
@pytest.mark.slow
def test_feature_maps_have_the_published_size(shape, size):
    name = choose_encoder(small(), shape)
    assert map_size(name, shape) == size
    params = setup(shape, kind="fnn")[1]["params"]
    features = {(7, 7): 64, (8, 8): 16}[size]
    assert params["fc"]["Dense_0"]["kernel"].shape[0] == size[0] * size[1] * features


@pytest.mark.parametrize(
    ("d_set", "inputs"),
    [("manual", 2 * 3 * 16), ("static", 64 * 5), ("dynamic", 2 * (16 + 64)), ("identity", 64 * 16)],
)
@pytest.mark.slow
def test_memory_reads_what_the_selector_gives(d_set, inputs):
    model, params, carry, obs, first = setup(BOARD, d_set=d_set)
    assert params["params"]["memory"]["cell"]["input"]["kernel"].shape[0] == inputs
    _, logits, value = forward(model, params, carry, obs, first)
    assert logits.shape == (T, B, A) and value.shape == (T, B)


@pytest.mark.slow
def test_a_manual_d_set_hides_the_rest_of_the_map_from_the_memory():
    model, params, carry, obs, first = setup(BOARD, d_set="manual")
    changed = obs.at[..., 6:, :].set(0)  # columns that no box of width 3 reads through a 3x3 kernel
    assert not jnp.array_equal(obs, changed)
    before, after = (forward(model, params, carry, x, first)[0] for x in (obs, changed))
    jax.tree.map(np.testing.assert_array_equal, before, after)
    elsewhere = forward(model, params, carry, obs.at[..., :1, :].set(0), first)[0]
    assert not np.allclose(before[0], elsewhere[0])


def test_attention_sums_to_one_over_the_regions_and_asks_the_memory():
    model, params, carry, obs, first = setup(BOARD, d_set="dynamic")

    def weights(carry):
        _, extra = model.apply(params, carry, obs, first, mutable="intermediates")
        (attention,) = jax.tree.leaves(extra)
        return attention

    assert weights(carry).shape == (T, B, 2, 64)
    np.testing.assert_allclose(weights(carry).sum(-1), 1, rtol=1e-5)
    assert not np.allclose(weights(carry), weights(model.initial_carry(B)))


def test_bytes_are_read_from_zero_to_one():
    model, params, carry, obs, first = setup(PIXELS, kind="fnn")
    as_floats = forward(model, params, carry, obs / 255.0, first)[1]
    np.testing.assert_allclose(forward(model, params, carry, obs, first)[1], as_floats, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "shape", "sentence"),
    [
        ({"d_set_boxes": None}, BOARD, "needs boxes: give --d-set-boxes"),
        ({"d_set_boxes": ((7, 0, 2, 1),)}, BOARD, "The box 7 0 2 1 .* does not lie in the 8x8"),
        ({"d_set_boxes": ((0, 0, 0, 1),)}, BOARD, "does not lie in"),
        ({"encoder": "atari"}, BOARD, "The atari encoder cannot read observations of shape"),
        ({"encoder": "board"}, (73,), "The board encoder cannot read observations of shape"),
    ],
)
def test_what_does_not_fit_an_image_is_refused(changes, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_model(small(**changes), Box(0, 255, shape, jnp.uint8), Discrete(A))


def test_boxes_survive_the_config_file():
    config = Config(model=small())
    assert stored.from_json(stored.to_json(config)) == config


@pytest.mark.parametrize(
    ("shape", "kernel", "stride"),
    [((20, 21, 3), 8, 4), ((9, 9, 2), 4, 2), ((7, 8, 2), 3, 1), ((9, 11, 2), 3, 2)],
)
@pytest.mark.slow
def test_convolutions_as_products_are_convolutions(shape, kernel, stride):
    images = jax.random.normal(jax.random.key(0), (2, *shape))
    weights = jax.random.normal(jax.random.key(1), (kernel, kernel, shape[-1], 5))
    product, convolution = (
        jax.value_and_grad(lambda *x, f=f: jnp.square(f(stride, *x)).sum(), argnums=(0, 1))(images, weights)
        for f in (as_product, as_convolution)
    )
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-3), product, convolution)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"d_set": "dynamic"}, {"kind": "rnn"}, {"kind": "fnn"}])
def test_rematerialisation_changes_memory_and_not_gradients(changes):
    time, batch = 8, 16
    obs = jax.random.randint(jax.random.key(0), (time, batch, *PIXELS), 0, 256).astype(jnp.uint8)
    first = jnp.zeros((time, batch), bool)
    config = small(**changes)
    results = []
    for remat in (False, True):
        model = make_model(
            dataclasses.replace(config, remat=remat), Box(0, 255, PIXELS, jnp.uint8), Discrete(A)
        )
        carry = model.initial_carry(batch)
        params = model.init(jax.random.key(1), carry, obs, first)

        def loss(params, model=model, carry=carry):
            _, logits, value = forward(model, params, carry, obs, first)
            return jnp.square(logits).sum() + value.sum()

        program = jax.jit(jax.grad(loss)).lower(params).compile()
        results.append((params, program(params), program.memory_analysis().temp_size_in_bytes))
    jax.tree.map(np.testing.assert_array_equal, results[0][0], results[1][0])
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-3, atol=1e-4), results[0][1], results[1][1])
    assert results[1][2] < 0.5 * results[0][2]
