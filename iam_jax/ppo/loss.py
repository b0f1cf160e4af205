"""The clipped objective of PPO (Schulman et al. 2017, Equations 7 and 9)."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from iam_jax.models.actor_critic import ActorCritic, forward
from iam_jax.ppo.groups import split


class Batch(struct.PyTreeNode):
    """Sequences for one gradient step: T = BPTT length, B = sequences.

    Attributes:
      carry: Memory before it reads ``obs[0]``, as stored in the rollout, [B, ...].
      obs: A tree of [T, B, ...].
      first: bool[T, B].
      action: Of the policy, [T, B, ...].
      log_prob: Of ``action`` under the policy that acted, float[T, B].
      value: Of the critic that acted, float[T, B].
      advantage: float[T, B].
      legal: What the policy could choose, bool[T, B, A]; None where that was everything.
      valid: Steps to learn from, bool[T, B]; None for all.
    """

    carry: Any
    obs: Any
    first: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    advantage: jax.Array
    legal: jax.Array | None = None
    valid: jax.Array | None = None


def ppo_loss(
    params: Any,
    model: ActorCritic,
    batch: Batch,
    *,
    clip: jax.Array,
    entropy_coefficient: jax.Array,
    value_coefficient: jax.Array | float,
    clip_value: bool,
    normalise_advantage: bool,
    num_groups: int = 1,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Loss to minimise, and its parts; all means are over the valid steps.

    The first B / ``num_groups`` sequences are on one device, and so on.

    ``-mean(min(rho A, clip(rho, 1 - c, 1 + c) A)) + c_v mean(value error) - c_h mean(entropy)``.
    The value error is the squared distance to ``value + advantage``, or with ``clip_value`` the
    larger of that and the same for a prediction clipped to ``value +- c``.
    """
    policy = model.policy
    outputs, value = _forward_groups(model, params, batch, num_groups)
    outputs = policy.masked(outputs, batch.legal)
    mean = partial(jnp.mean, where=batch.valid)
    advantage = batch.advantage
    if normalise_advantage:
        advantage = (advantage - mean(advantage)) / (advantage.std(where=batch.valid) + 1e-8)
    log_ratio = policy.log_prob(outputs, batch.action) - batch.log_prob
    ratio = jnp.exp(log_ratio)
    clipped_ratio = jnp.clip(ratio, 1 - clip, 1 + clip)
    policy_loss = -mean(jnp.minimum(ratio * advantage, clipped_ratio * advantage))

    target = batch.value + batch.advantage
    value_error = jnp.square(value - target)
    if clip_value:
        near = batch.value + jnp.clip(value - batch.value, -clip, clip)
        value_error = jnp.maximum(value_error, jnp.square(near - target))
    value_loss = mean(value_error)

    entropy = mean(policy.entropy(outputs))
    loss = policy_loss + value_coefficient * value_loss - entropy_coefficient * entropy
    return loss, {
        "loss": loss,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approx_kl": mean(ratio - 1 - log_ratio),
        "clip_fraction": mean(jnp.abs(ratio - 1) > clip),
        "ratio_deviation": jnp.abs(ratio - 1).max(),
    }


def _forward_groups(
    model: ActorCritic, params: Any, batch: Batch, num_groups: int
) -> tuple[jax.Array, jax.Array]:
    """Outputs of the policy [T, B, K] and values [T, B], of each group by itself: layers merge T and B, which
    would need the observations of all groups in one place.
    """
    if num_groups == 1:
        return forward(model, params, batch.carry, batch.obs, batch.first)[1:]

    carry = jax.tree.map(lambda x: split(x, num_groups, 0), batch.carry)
    obs, first = jax.tree.map(lambda x: split(x, num_groups, 1), (batch.obs, batch.first))
    grouped = jax.vmap(partial(forward, model, params), (0, 1, 1), (0, 1, 1))(carry, obs, first)[1:]
    outputs, value = (x.reshape(*batch.first.shape, *x.shape[3:]) for x in grouped)
    return outputs, value
