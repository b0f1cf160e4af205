"""A generator that is not JAX's must be as good where the rules rely on it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from envs_jax.draws import uniforms

NUM_KEYS, NUMBER = 100_000, 28


def split_keys():
    return jax.random.split(jax.random.key(0), NUM_KEYS)


def seed_keys():
    """Not mixed by any split: 0, 1, 2, ..."""
    return jax.vmap(jax.random.key)(jnp.arange(NUM_KEYS))


@pytest.fixture(params=[split_keys, seed_keys], ids=["split", "seeds"], scope="module")
def draws(request):
    return np.asarray(jax.jit(jax.vmap(lambda key: uniforms(key, NUMBER)))(request.param()))


def normal(sample_mean, mean, variance, count):
    """Standard deviations that a mean of ``count`` independent draws lies off."""
    return np.abs(sample_mean - mean) / np.sqrt(variance / count)


def test_draws_lie_in_the_unit_interval(draws):
    assert draws.dtype == np.float32 and draws.min() >= 0 and draws.max() < 1


def test_every_draw_is_below_a_threshold_as_often_as_it_says(draws):
    for p in (0.01, 0.05, 0.5, 0.95):
        assert normal((draws < p).mean(0), p, p * (1 - p), NUM_KEYS).max() < 5


def test_draws_of_one_key_do_not_depend_on_each_other(draws):
    correlation = np.corrcoef(draws.T) - np.eye(NUMBER)
    assert np.abs(correlation).max() * NUM_KEYS**0.5 < 5
    lucky = (draws < 0.05).astype(np.float64)
    both = lucky.T @ lucky / NUM_KEYS
    assert normal(both[np.triu_indices(NUMBER, 1)], 0.05**2, 0.05**2, NUM_KEYS).max() < 5


def test_number_of_lucky_draws_is_binomial(draws):
    """All 28 at once, which pairs alone do not settle."""
    count = (draws < 0.05).sum(1)
    assert normal(count.mean(), 28 * 0.05, 28 * 0.05 * 0.95, NUM_KEYS) < 5
    spread = 28 * 0.05 * 0.95
    kurtosis = 3 + (1 - 6 * 0.05 * 0.95) / spread
    assert normal(np.square(count - 28 * 0.05).mean(), spread, spread**2 * (kurtosis - 1), NUM_KEYS) < 5


def test_draws_of_neighbouring_keys_do_not_depend_on_each_other(draws):
    a, b = draws[:-1] - 0.5, draws[1:] - 0.5
    correlation = 12 * a.T @ b / len(a)
    assert np.abs(correlation).max() * len(a) ** 0.5 < 5


@pytest.mark.slow
def test_draws_differ_from_those_of_jax_for_the_same_key():
    key = jax.random.key(3)
    assert not np.isin(uniforms(key, NUMBER), jax.random.uniform(key, (NUMBER,))).any()
