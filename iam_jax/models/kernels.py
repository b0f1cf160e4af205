"""How layers begin, and what they compute with."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Dtype
from jax.custom_batching import sequential_vmap
from jax.nn.initializers import Initializer

from iam_jax.model_config import NetworkConfig
from iam_jax.precision import fastest_dtype


def orthogonal(scale: float = 1.0) -> Initializer:
    """Orthogonal matrices times a number (Saxe et al. 2014).

    Under `jax.vmap` they are drawn one after the other: XLA's batched QR can wait for itself on a CPU.
    """
    draw = nn.initializers.orthogonal(scale)

    def kernel(key: jax.Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> jax.Array:
        return sequential_vmap(lambda key: draw(key, shape, dtype))(key)

    return kernel


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {"relu": nn.relu, "tanh": jnp.tanh}
KERNELS: dict[str, tuple[Initializer, Initializer]] = {
    "glorot": (nn.initializers.glorot_uniform(), nn.initializers.glorot_uniform()),
    "orthogonal": (orthogonal(2**0.5), orthogonal()),
}
"""Initialisation -> kernels of dense layers, kernels of recurrent ones."""


def product_dtype(config: NetworkConfig) -> Dtype | None:
    """Of the factors of matrix products; None for that of the parameters."""
    name = fastest_dtype() if config.dtype == "auto" else config.dtype
    return None if name == "float32" else jnp.dtype(name)
