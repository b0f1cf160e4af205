"""Feedforward paths: from an observation to features."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer


def as_vector(obs: jax.Array) -> jax.Array:
    """Observations [T, B, ...] as float vectors [T, B, O]."""
    obs = obs if jnp.issubdtype(obs.dtype, jnp.floating) else obs.astype(jnp.float32)
    return obs.reshape(*obs.shape[:2], -1)


class MLP(nn.Module):
    """Dense layers, each followed by the activation. No layers: the input itself."""

    sizes: tuple[int, ...]
    activation: Callable[[jax.Array], jax.Array]
    kernel_init: Initializer
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for size in self.sizes:
            x = self.activation(nn.Dense(size, self.use_bias, kernel_init=self.kernel_init)(x))
        return x
