"""Gated cells.

    GRU   r, z = sigmoid(W x + U h + b);  n = tanh(W x + b + r * (U h + b_h));  h' = (1 - z) n + z h
    LSTM  i, f, o = sigmoid(W x + U h + b), f with forget_bias added;  g = tanh(W x + U h + b)
          c' = f c + i g;  h' = o tanh(c')

Cho et al. 2014, in the form of cuDNN and PyTorch; Hochreiter and Schmidhuber 1997, Gers et al. 2000.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Dtype
from jax.nn.initializers import Initializer

from iam_jax.models.dense import Dense
from iam_jax.models.recurrences.base import Carry, Stepwise


def _per_gate(init: Initializer, num_gates: int) -> Any:
    """Initialises each gate's block as a matrix of its own, as if the gates were apart."""

    def blocks(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        block = (shape[0], shape[1] // num_gates)
        keys = jax.random.split(key, num_gates)
        return jnp.concatenate([init(k, block, dtype) for k in keys], axis=1)

    return blocks


def _gates(cell: "GRU | LSTM", number: int) -> tuple[Dense, Dense]:
    """The layers that read inputs and memory; factors of their products have the cell's ``dtype``."""
    size = number * cell.size
    inputs, memory = _per_gate(cell.kernel_init, number), _per_gate(cell.recurrent_init, number)
    return (
        Dense(size, kernel_init=inputs, dtype=cell.dtype),
        Dense(size, use_bias=False, kernel_init=memory, dtype=cell.dtype),
    )


class GRU(Stepwise):
    """Gated recurrent unit. Gate order r, z, n. One bias per gate, and b_h for the candidate."""

    size: int
    kernel_init: Initializer
    recurrent_init: Initializer
    dtype: Dtype | None = None

    def setup(self) -> None:
        self.input, self.recurrent = _gates(self, 3)
        self.candidate_bias = self.param("candidate_bias", nn.initializers.zeros, (self.size,))

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        """Zero memory: ``(h,)``, float32[B, H]."""
        return (jnp.zeros((batch, self.size)),)

    def project(self, inputs: jax.Array) -> jax.Array:
        """The inputs' share of the gates, float[..., 3H]."""
        return self.input(inputs)

    def step(self, carry: Carry, projected: jax.Array) -> Carry:
        """Memory after one step, from memory before it and the projected input [B, 3H]."""
        (h,) = carry
        x_gates, x_candidate = jnp.split(projected, [2 * self.size], axis=-1)
        h_gates, h_candidate = jnp.split(self.recurrent(h), [2 * self.size], axis=-1)
        r, z = jnp.split(nn.sigmoid(x_gates + h_gates), 2, axis=-1)
        n = jnp.tanh(x_candidate + r * (h_candidate + self.candidate_bias))
        return ((1 - z) * n + z * h,)


class LSTM(Stepwise):
    """Long short-term memory (TensorFlow's BasicLSTM when ``forget_bias`` is 1). Gate order i, f, g, o."""

    size: int
    kernel_init: Initializer
    recurrent_init: Initializer
    forget_bias: float = 1.0
    dtype: Dtype | None = None

    def setup(self) -> None:
        self.input, self.recurrent = _gates(self, 4)

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        """Zero memory: ``(h, c)``, float32[B, H] each."""
        return (jnp.zeros((batch, self.size)), jnp.zeros((batch, self.size)))

    def project(self, inputs: jax.Array) -> jax.Array:
        """The inputs' share of the gates, float[..., 4H]."""
        return self.input(inputs)

    def step(self, carry: Carry, projected: jax.Array) -> Carry:
        """Memory after one step, from memory before it and the projected input [B, 4H]."""
        h, c = carry
        gates = projected + self.recurrent(h)
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        c = nn.sigmoid(f + self.forget_bias) * c + nn.sigmoid(i) * jnp.tanh(g)
        return (nn.sigmoid(o) * jnp.tanh(c), c)
