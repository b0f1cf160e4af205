"""Running normalisation of rewards by the deviation of discounted returns."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from flax import struct

from iam_jax.models.normalise import EPS, LIMIT, Moments
from iam_jax.ppo.rollout import Transition


class Returns(struct.PyTreeNode):
    """The discounted rewards of the episodes so far, looking back.

    Attributes:
      running: ``r_t + gamma r_{t-1} + ...`` of each environment's present episode, float32[B].
      moments: Of all such sums that have been.
    """

    running: jax.Array
    moments: Moments

    @classmethod
    def start(cls, num_envs: int) -> Self:
        """Of nothing yet."""
        return cls(running=jnp.zeros(num_envs), moments=Moments.start())

    def normalise(self, transitions: Transition, gamma: Any) -> tuple[Self, jax.Array]:
        """Takes a rollout [C, L, B] into account; and its rewards divided by the deviation, [C, L, B].

        The mean is left alone, for it decides whether it is better to live longer.
        """
        ended = transitions.terminated | transitions.truncated
        shape, num_envs = transitions.reward.shape, len(self.running)
        steps = (transitions.reward.reshape(-1, num_envs), ended.reshape(-1, num_envs))

        def step(running: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            reward, ended = now
            total = gamma * running + reward
            return jnp.where(ended, 0.0, total), total

        running, totals = jax.lax.scan(step, self.running, steps)
        moments = self.moments.after(totals)
        scaled = steps[0] * jax.lax.rsqrt(moments.var + EPS)
        after = self.replace(running=running, moments=moments)
        return after, jnp.clip(scaled, -LIMIT, LIMIT).reshape(shape)
