"""minGRU (Feng et al. 2024, arXiv 2410.01201): a GRU whose gates do not read the memory.

    z = sigmoid(W_z u + b_z);  c = g(W_h u + b_h),  g(x) = x + 0.5 for x >= 0, else sigmoid(x)
    h' = (1 - z) h + z c

No term reads h, so T steps are one scan of (1 - z, z c).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Dtype
from jax.nn.initializers import Initializer

from iam_jax.models.dense import Dense
from iam_jax.models.recurrences.base import Associative


class MinGRU(Associative):
    """Its output is h, float[T, B, H]."""

    size: int
    kernel_init: Initializer
    dtype: Dtype | None = None

    def setup(self) -> None:
        self.gate = Dense(self.size, kernel_init=self.kernel_init, dtype=self.dtype)
        self.candidate = Dense(self.size, kernel_init=self.kernel_init, dtype=self.dtype)

    @property
    def state_shape(self) -> tuple[int, ...]:
        return (self.size,)

    def elements(self, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        z = nn.sigmoid(self.gate(inputs))
        return 1 - z, z * positive(self.candidate(inputs))


def positive(x: jax.Array) -> jax.Array:
    """g: a number above 0 that grows linearly."""
    return jnp.where(x >= 0, x + 0.5, nn.sigmoid(x))
