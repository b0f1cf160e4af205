"""Blocks of environments side by side, each on one device (`--shuffle-groups`)."""

from typing import Any

import jax
import jax.numpy as jnp


def split(x: jax.Array, num_groups: int, axis: int) -> jax.Array:
    """Environments on one axis as ``num_groups`` blocks: [..., B, ...] to [..., G, B / G, ...]."""
    return x.reshape(*x.shape[:axis], num_groups, -1, *x.shape[axis + 1 :])


def pick(batch: Any, indices: jax.Array, num_groups: int) -> Any:
    """Some sequences of a rollout, [L, N, ...], read where they lie: no second copy of all its images.

    Each of G groups is B/G environments side by side and is read by itself, so that no device needs what
    lies on another where the groups are spread over them.

    Args:
      batch: An `iam_jax.ppo.loss.Batch`, [C, L, B, ...].
      indices: ``c * B + b`` of each sequence, those of the first group first, int32[N].
      num_groups: G.
    """
    _, length, num_envs = batch.first.shape
    chunk, env = jnp.divmod(indices.reshape(num_groups, -1), num_envs)
    env %= num_envs // num_groups
    time = jnp.arange(length)[:, None]

    def steps(x: jax.Array) -> jax.Array:
        """[C, L, B, ...] -> [L, N, ...]."""
        read = jax.vmap(lambda x, chunk, env: x[chunk, time, env], (2, 0, 0), 1)
        picked = read(split(x, num_groups, 2), chunk, env)
        return picked.reshape(length, -1, *x.shape[3:])

    def before(x: jax.Array) -> jax.Array:
        """[C, B, ...] -> [N, ...]."""
        picked = jax.vmap(lambda x, chunk, env: x[chunk, env], (1, 0, 0))(split(x, num_groups, 1), chunk, env)
        return picked.reshape(-1, *x.shape[2:])

    return jax.tree.map(steps, batch.replace(carry=())).replace(carry=jax.tree.map(before, batch.carry))
