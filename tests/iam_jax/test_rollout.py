import jax
import jax.numpy as jnp
import numpy as np
import pytest
from selection import quick_if

from iam_jax.build import make_learner
from iam_jax.config import Config, IAMConfig, PPOConfig
from iam_jax.ppo.rollout import FEW

NUM_ENVS = 70  # no multiple of FEW


@pytest.fixture(scope="module")
def acting():
    """An actor, parameters, memories and observations of B environments, and all their values."""
    network = IAMConfig(fc=(16,), hidden=8)
    ppo = PPOConfig(num_envs=NUM_ENVS, num_steps=8, num_minibatches=1)
    learner = make_learner(Config(model=network, ppo=ppo))
    state = jax.jit(learner.init)(jax.random.key(0))
    carry = jax.tree.map(lambda x: jax.random.normal(jax.random.key(1), x.shape), state.actor.carry)
    obs = jax.random.normal(jax.random.key(2), state.actor.obs.shape)
    never = jnp.zeros(NUM_ENVS, bool)
    values = learner.actor.apply(state.params, carry, obs, never)[2]
    return learner.actor, (state.params, carry, obs), values


@pytest.mark.parametrize("num_groups", quick_if(lambda groups: groups == 1, [1, 5]))
@pytest.mark.parametrize("number", [0, 1, -(-NUM_ENVS // FEW), 5, 10, NUM_ENVS - 1, NUM_ENVS])
def test_values_of_some_environments_are_those_of_all_and_zero_elsewhere(acting, number, num_groups):
    actor, arguments, values = acting
    actor.num_groups = num_groups
    chosen = np.random.default_rng(number).permutation(NUM_ENVS)[:number]
    wanted = jnp.zeros(NUM_ENVS, bool).at[chosen].set(True)
    np.testing.assert_allclose(
        jax.jit(lambda *x: actor.values_where(*x))(wanted, *arguments), np.where(wanted, values, 0), atol=1e-5
    )
