"""Fast and forgetful memory (Morad et al. 2023, arXiv 2310.04128): traces that fade and turn at fixed rates.

e = (W_1 u + b_1) * sigmoid(W_2 u + b_2)                       what enters, m numbers
S' = gamma * S + e 1^T,  gamma = exp(-|alpha_i|) exp(i omega_j)  m x c traces
z = W_3 [Re S, Im S] + b_3;  o = sigmoid(W_4 u + b_4)
output = norm(z) * o + (W_5 u + b_5) * (1 - o)
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.typing import Dtype
from jax.nn.initializers import Initializer

from iam_jax.models.dense import Dense
from iam_jax.models.recurrences.base import Associative

CONTEXT = 4
"""c, angular speeds of the traces."""
LONGEST = 1024
"""Steps: the slowest trace has half of its strength after so many, and the slowest turn takes as long."""


class FFM(Associative):
    """Its traces are [B, m, c] with m = H."""

    size: int
    kernel_init: Initializer
    dtype: Dtype | None = None
    is_complex = True

    def setup(self) -> None:
        layer = lambda: Dense(self.size, kernel_init=self.kernel_init, dtype=self.dtype)  # noqa: E731
        self.enters, self.enters_gate, self.mix, self.output_gate, self.skip = (layer() for _ in range(5))
        self.norm = nn.LayerNorm(use_bias=False, use_scale=False)
        half = np.log(2) / np.geomspace(1, LONGEST, self.size)
        turn = 2 * np.pi / np.geomspace(4, LONGEST, CONTEXT)
        self.alpha = self.param("alpha", lambda key, shape: jnp.asarray(half, jnp.float32), (self.size,))
        self.omega = self.param("omega", lambda key, shape: jnp.asarray(turn, jnp.float32), (CONTEXT,))

    @property
    def state_shape(self) -> tuple[int, ...]:
        return (self.size, CONTEXT)

    def elements(self, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        entering = self.enters(inputs) * nn.sigmoid(self.enters_gate(inputs))
        decay = jnp.exp(-jnp.abs(self.alpha))[:, None]
        factors = jax.lax.complex(decay * jnp.cos(self.omega), decay * jnp.sin(self.omega))
        terms = jnp.broadcast_to(entering[..., None], (*entering.shape, CONTEXT))
        return factors, terms.astype(factors.dtype)

    def read(self, states: jax.Array, inputs: jax.Array) -> jax.Array:
        flat = states.reshape(*states.shape[:2], -1)
        z = self.mix(jnp.concatenate([flat.real, flat.imag], axis=-1))
        gate = nn.sigmoid(self.output_gate(inputs))
        return self.norm(z) * gate + self.skip(inputs) * (1 - gate)
