"""Parts of a network of your own, in CartPole: an encoder, a d-set, and a whole network."""

import flax.linen as nn
import jax.numpy as jnp

import iam_jax
from iam_jax.models.actor_critic import Heads, Network
from iam_jax.models.d_set import Selector
from iam_jax.models.observations import encoder_for


class TwoLayers(nn.Module):
    """Observations [T, B, ...] to the vectors [T, B, O] that everything behind it reads."""

    @nn.compact
    def __call__(self, obs):
        return nn.tanh(nn.Dense(32)(nn.tanh(nn.Dense(32)(obs))))


class Differences(Selector):
    """The memory reads what has changed between the last two frames, which come newest first."""

    def __call__(self, obs, h=None):
        now, before = jnp.split(obs, 2, axis=-1)
        return now - before


class LastStep(Network):
    """Remembers the last observation, and nothing else."""

    def setup(self):
        self.encoder, self.layer = encoder_for(self.config, self.parts), nn.Dense(64)
        self.heads = Heads(self.config, self.policy)

    @nn.nowrap
    def initial_carry(self, batch):
        return (jnp.zeros((batch, sum(self.parts[0].sizes))),)

    def __call__(self, carry, obs, first):
        now = self.encoder(obs)
        before = jnp.concatenate([carry[0][None], now[:-1]])  # of each step, also of the first in a rollout
        before = jnp.where(first[..., None], 0, before)  # an episode that begins remembers nothing
        return (now[-1],), *self.heads(nn.tanh(self.layer(jnp.concatenate([now, before], axis=-1))))


if __name__ == "__main__":
    for name, options in {
        "encoder": {"encoder": TwoLayers, "d_set": "identity"},
        "d-set": {"d_set": Differences, "frame_stack": 2},
        "network": {"model": LastStep},
    }.items():
        config = iam_jax.preset(
            "CartPole-v1", total_steps=200_000, num_evaluations=5, final_episodes=100, **options
        )
        run = iam_jax.train(config, run_dir=f"runs/own-{name}", display=False)
        print(f"{name}: mean return {run.agent.evaluate(episodes=100).mean:.0f} of 500")
