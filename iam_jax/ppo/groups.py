"""Blocks of environments side by side, each on one device (`--shuffle-groups`)."""

import jax


def split(x: jax.Array, num_groups: int, axis: int) -> jax.Array:
    """Environments on one axis as ``num_groups`` blocks: [..., B, ...] to [..., G, B / G, ...]."""
    return x.reshape(*x.shape[:axis], num_groups, -1, *x.shape[axis + 1 :])
