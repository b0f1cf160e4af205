import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iam_jax.ppo.gae import gae


def loop(reward, value, last_value, final_value, terminated, truncated, gamma, lam, horizon):
    """The estimator written as nested loops, one environment and start at a time."""
    T, B = reward.shape
    advantage = np.zeros((T, B))
    for b in range(B):
        for start in range(T):
            weight = 1.0
            for t in range(start, T):
                if terminated[t, b]:
                    following = 0.0
                elif truncated[t, b]:
                    following = final_value[t, b]
                else:
                    following = value[t + 1, b] if t + 1 < T else last_value[b]
                advantage[start, b] += weight * (reward[t, b] + gamma * following - value[t, b])
                weight *= gamma * lam
                if terminated[t, b] or truncated[t, b] or (horizon and (t + 1) % horizon == 0):
                    break
    return advantage


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    ends=st.floats(0, 0.6),
    gamma=st.floats(0, 1),
    lam=st.floats(0, 1),
    horizon=st.sampled_from([None, 1, 2, 3, 6]),
)
@pytest.mark.slow
def test_gae_matches_a_numpy_loop_over_every_mix_of_ends(seed, ends, gamma, lam, horizon):
    rng = np.random.default_rng(seed)
    T, B = 6, 5
    reward, value, final_value = rng.normal(size=(3, T, B)).astype(np.float32)
    last_value = rng.normal(size=B).astype(np.float32)
    terminated, truncated = rng.random((2, T, B)) < ends
    ours = gae(
        reward=jnp.array(reward),
        value=jnp.array(value),
        last_value=jnp.array(last_value),
        final_value=jnp.array(final_value),
        terminated=jnp.array(terminated),
        truncated=jnp.array(truncated),
        gamma=gamma,
        gae_lambda=lam,
        horizon=horizon,
    )
    expected = loop(reward, value, last_value, final_value, terminated, truncated, gamma, lam, horizon)
    np.testing.assert_allclose(ours, expected, atol=2e-5)


@pytest.mark.parametrize("truncated", [False, True])
def test_a_time_limit_is_not_the_end_of_the_task(truncated):
    """One reward of 1 per step for ever is worth 1 / (1 - gamma), whether or not a limit cuts it."""
    gamma, T = 0.9, 5
    worth = 1 / (1 - gamma)
    flags = jnp.zeros((T, 1), bool).at[2].set(truncated)
    advantage = gae(
        reward=jnp.ones((T, 1)),
        value=jnp.full((T, 1), worth),
        last_value=jnp.array([worth]),
        final_value=jnp.where(flags, worth, 0.0),
        terminated=jnp.zeros((T, 1), bool),
        truncated=flags,
        gamma=gamma,
        gae_lambda=0.95,
    )
    np.testing.assert_allclose(advantage, 0, atol=1e-5)
