"""Each policy is the distribution that it says, and nothing illegal is ever chosen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from envs_jax.spaces import Box, Discrete, MultiDiscrete, Tuple
from iam_jax.models.policies import Categorical, Gaussian, MultiCategorical, policy_for

KEY = jax.random.key(0)
SQUASHED = Gaussian((2,), -1.0, 3.0, squash=True)
CLIPPED = Gaussian((2,), -1.0, 3.0)
numbers = st.floats(-3, 3, width=32)


def outputs_of(policy, size=(), key=KEY):
    return jax.random.normal(key, (*size, policy.num_outputs + policy.num_free))


@pytest.mark.parametrize("policy", [Categorical(4), MultiCategorical((3, 2)), CLIPPED, SQUASHED], ids=str)
def test_entropy_is_the_mean_of_minus_the_log_probability_of_samples(policy):
    outputs = outputs_of(policy)
    many = jnp.broadcast_to(outputs, (200_000, *outputs.shape))
    sampled = -policy.log_prob(many, policy.sample(KEY, many))
    assert float(policy.entropy(outputs)) == pytest.approx(float(sampled.mean()), abs=0.02)


@pytest.mark.parametrize("policy", [Categorical(4), MultiCategorical((3, 2))], ids=str)
def test_sampled_actions_have_the_probability_that_is_said(policy):
    outputs = outputs_of(policy)
    actions = np.asarray(policy.sample(KEY, jnp.broadcast_to(outputs, (100_000, *outputs.shape))))
    for action, number in zip(*np.unique(actions, axis=0, return_counts=True), strict=True):
        said = np.exp(policy.log_prob(outputs, jnp.asarray(action)))
        assert number / len(actions) == pytest.approx(said, abs=0.006)


@settings(deadline=None)
@given(st.tuples(numbers, numbers, numbers, numbers), st.tuples(numbers, numbers))
def test_a_gaussian_is_scipy_s_also_beyond_the_bounds(outputs, action):
    mean, log_std = np.split(np.array(outputs), 2)
    said = CLIPPED.log_prob(jnp.array(outputs), jnp.array(action))
    expected = stats.norm.logpdf(np.array(action), mean, np.exp(log_std)).sum()
    assert said == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("outputs", [(0.3, -0.5), (2.5, 0.2), (-1.0, -2.0)])
def test_a_squashed_density_is_one_in_all(outputs):
    one = Gaussian((1,), -1.0, 3.0, squash=True)
    drawn = jnp.linspace(-12, 12, 400_001)[:, None]
    density = np.exp(one.log_prob(jnp.broadcast_to(jnp.array(outputs), (len(drawn), 2)), drawn))
    result = np.asarray(one.to_env(drawn))[:, 0]
    assert np.trapezoid(density, result) == pytest.approx(1, abs=2e-3)


def test_actions_lie_within_the_bounds_in_the_shape_of_the_space():
    space = Box(-1.0, 3.0, (2, 3))
    for squash in (False, True):
        policy = policy_for(space, squash=squash)
        outputs = 5 * outputs_of(policy, (1000,))
        actions = policy.to_env(policy.sample(KEY, outputs))
        assert actions.shape == (1000, 2, 3)
        assert jax.vmap(space.contains)(actions).all()


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=5), st.integers(0, 2**31 - 1))
@pytest.mark.slow
def test_illegal_actions_have_no_probability_no_entropy_and_finite_gradients(allowed, seed):
    policy = MultiCategorical((3, 2))
    legal = jnp.array(allowed).at[jnp.array([1, 3])].set(True)  # one of each choice at least
    key = jax.random.key(seed)
    outputs = 10 * outputs_of(policy, key=key)
    masked = policy.masked(outputs, legal)
    actions = policy.sample(key, jnp.broadcast_to(masked, (500, 5)))
    for sampled in (actions, policy.random(key, 500, jnp.broadcast_to(legal, (500, 5))), policy.mode(masked)):
        assert legal[:3][sampled[..., 0]].all() and legal[3:][sampled[..., 1]].all()
    assert policy.entropy(masked) <= np.log(legal[:3].sum() * legal[3:].sum()) + 1e-5

    def loss(outputs):
        masked = policy.masked(outputs, legal)
        return policy.entropy(masked) + policy.log_prob(masked, jnp.array([1, 0]))

    gradient = jax.grad(loss)(outputs)
    assert jnp.isfinite(gradient).all() and (gradient[~legal] == 0).all()


@pytest.mark.parametrize(
    ("space", "squash", "sentence"),
    [
        (Tuple((Discrete(2),)), False, "not in Tuple"),
        (Box(0, 5, (2,), jnp.int32), False, r"not in Box of whole numbers \(int32\)"),
        (Box(-jnp.inf, 1.0, (2,)), True, "without bounds cannot be squashed"),
    ],
)
def test_what_no_policy_acts_in_is_refused(space, squash, sentence):
    with pytest.raises(ValueError, match=sentence):
        policy_for(space, squash=squash)


def test_policies_of_equal_spaces_are_equal():
    """They are static in compiled programs."""
    assert policy_for(MultiDiscrete((2, 3))) == policy_for(MultiDiscrete((2, 3)))
    assert hash(policy_for(Box(-1.0, 1.0, (2,)))) == hash(policy_for(Box(-1.0, 1.0, (2,))))


@pytest.mark.parametrize("squash", [False, True])
def test_two_thirds_of_continuous_actions_lie_between_the_numbers_told(squash):
    policy = Gaussian((2,), -2.0, 2.0, squash)
    outputs = jnp.array([0.5, -0.3, jnp.log(0.4), jnp.log(0.2)])
    told = policy.told(outputs)
    drawn = policy.sample(jax.random.key(0), jnp.broadcast_to(outputs, (10_000, 4)))
    actions = policy.to_env(drawn)
    inside = (told["low"] <= actions) & (actions <= told["high"])
    np.testing.assert_allclose(inside.mean(0), 0.683, atol=0.02)
    np.testing.assert_allclose(np.median(actions, 0), told["mean"], atol=0.03)


def test_probabilities_told_of_several_choices_add_up_and_leave_out_what_is_illegal():
    policy = MultiCategorical((2, 3))
    legal = jnp.array([True, False, True, True, False])
    one, other = policy.told(policy.masked(jnp.arange(5.0), legal))["probabilities"]
    np.testing.assert_allclose(one, [1, 0])
    np.testing.assert_allclose(other, [1 / (1 + np.e), np.e / (1 + np.e), 0], rtol=1e-6)
