"""A task that only memory solves: recall at the end of a chain the bit shown at its start."""

import dataclasses

import jax
import pytest

from iam_jax.build import make_learner
from iam_jax.config import Config, FNNConfig, IAMConfig, PPOConfig, RNNConfig

pytest.importorskip("gymnax", reason="gymnax is not installed")

PPO = PPOConfig(
    num_envs=128,
    num_steps=28,
    bptt_length=7,
    num_epochs=4,
    num_minibatches=4,
    gamma=0.99,
    gae_lambda=0.95,
    entropy=0.01,
    learning_rate=5e-3,
)
NETWORKS = {
    "iam": IAMConfig(fc=(16,), hidden=16, d_set_indices=(2,)),
    "rnn": RNNConfig(fc=(16,), hidden=16),
    "fnn": FNNConfig(fc=(16,)),
}


def mean_return(network, updates=40):
    config = Config(
        env="MemoryChain-bsuite",
        model=network,
        ppo=PPO,
        total_steps=updates * PPO.num_envs * PPO.num_steps,
    )
    learner = make_learner(config)
    state = jax.jit(learner.init)(jax.random.key(0))
    _, metrics = jax.jit(lambda s: learner.run(s, updates))(state)
    return float(metrics["episode_return"][-5:].mean())


@pytest.mark.parametrize("name", ["iam", "rnn"])
@pytest.mark.slow
def test_memory_recalls_the_bit(name):
    assert mean_return(NETWORKS[name]) > 0.95


@pytest.mark.slow
def test_an_agent_without_memory_can_only_guess():
    assert abs(mean_return(NETWORKS["fnn"])) < 0.2


@pytest.mark.slow
def test_a_d_set_without_the_bit_leaves_iam_guessing():
    blind = dataclasses.replace(NETWORKS["iam"], d_set_indices=(0, 1))
    assert abs(mean_return(blind)) < 0.2
