"""A memory of your own: a minGRU by hand, run along a rollout by one scan, in a T-maze of 20 steps."""

import flax.linen as nn
import jax.numpy as jnp

import iam_jax
from iam_jax.models.recurrences.base import Associative


class MinGRU(Associative):  # h' = (1 - z) h + z g, with gate z and candidate g of the input alone
    size: int

    @property
    def state_shape(self):
        return (self.size,)

    def setup(self):
        self.gate, self.candidate = nn.Dense(self.size), nn.Dense(self.size)

    def elements(self, inputs):  # factors and terms of h_t = a_t h_{t-1} + b_t
        z = nn.sigmoid(self.gate(inputs) - 4)  # gates begin nearly shut, so that a hint lasts
        return 1 - z, z * jnp.tanh(self.candidate(inputs))


if __name__ == "__main__":
    config = iam_jax.preset(
        "tmaze",
        cell=MinGRU,  # stored as its place, this file, so that the run finds it again
        env_args=("length=20", "distractors=16"),
        num_steps=64,
        bptt_length=64,
        total_steps=500_000,
    )
    run = iam_jax.train(config, run_dir="runs/own-memory", display=False)
    print(f"mean return {run.agent.evaluate(episodes=1000).mean:.2f} (1 is the most, 0 without a memory)")
