"""Gated cells.

    GRU   r, z = sigmoid(W x + U h + b);  n = tanh(W x + b + r * (U h + b_h));  h' = (1 - z) n + z h
    LSTM  i, f, o = sigmoid(W x + U h + b), f with forget_bias added;  g = tanh(W x + U h + b)
          c' = f c + i g;  h' = o tanh(c')

Cho et al. 2014, in the form of cuDNN and PyTorch; Hochreiter and Schmidhuber 1997, Gers et al. 2000.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Dtype
from jax.nn.initializers import Initializer

from iam_jax.models.dense import Dense, kernel_gradient, product
from iam_jax.models.recurrences.base import Carry, Stepwise, cleared


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


class Gated(Stepwise):
    """What both share: ``U h`` of the memory before, and gates that join it with the projected input."""

    size: int
    kernel_init: Initializer
    recurrent_init: Initializer
    dtype: Dtype | None = None

    def gates(self, carry: Carry, projected: jax.Array, recurred: jax.Array, bias: Any) -> Carry:
        """Memory after one step; reads no parameter but the ones it is given."""
        raise NotImplementedError

    def bias(self) -> Any:
        """What `gates` needs beside."""
        return ()

    def step(self, carry: Carry, projected: jax.Array) -> Carry:
        """Memory after one step, from memory before it and the projected input [B, P]."""
        return self.gates(carry, projected, self.recurrent(carry[0]), self.bias())

    def __call__(self, carry: Carry, inputs: jax.Array, first: jax.Array) -> tuple[Carry, jax.Array]:
        projected = self.project(inputs)
        if self.is_initializing():
            self.step(carry, projected[0])
        kernel = self.recurrent.variables["params"]["kernel"]
        return _scan(self.gates, self.dtype, kernel, self.bias(), carry, projected, first)


Gates = Callable[[Carry, jax.Array, jax.Array, Any], Carry]


def _along(
    gates: Gates,
    dtype: Dtype | None,
    first: jax.Array,
    kernel: jax.Array,
    bias: Any,
    carry: Carry,
    projected: jax.Array,
    added: jax.Array | None = None,
) -> Any:
    """Memory after the last step, and outputs; and the output before each step. ``added``: to ``U h``."""

    def step(carry: Carry, now: Any) -> Any:
        x, start, more = now
        carry = cleared(carry, start)
        recurred = product(carry[0], kernel, dtype)
        after = gates(carry, x, recurred if more is None else recurred + more, bias)
        return after, (after[0], carry[0])

    last, (outputs, before) = jax.lax.scan(step, carry, (projected, first, added))
    return (last, outputs), before


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _scan(
    gates: Gates,
    dtype: Dtype | None,
    kernel: jax.Array,
    bias: Any,
    carry: Carry,
    projected: jax.Array,
    first: jax.Array,
) -> tuple[Carry, jax.Array]:
    """All steps of a cell. The gradient of U is one product over all of them: summed up step by step, a
    matrix of its size would be read and written in each.
    """
    return _along(gates, dtype, first, kernel, bias, carry, projected)[0]


def _forwards(
    gates: Gates, dtype: Dtype | None, kernel: jax.Array, bias: Any, carry: Carry, projected: Any, first: Any
) -> Any:
    nothing = jnp.zeros((*projected.shape[:2], kernel.shape[1]), projected.dtype)
    along = partial(_along, gates, dtype, first, kernel)
    results, backwards, before = jax.vjp(along, bias, carry, projected, nothing, has_aux=True)
    return results, (backwards, before)


def _backwards(gates: Gates, dtype: Dtype | None, kept: Any, gradient: Any) -> Any:
    backwards, before = kept
    bias, carry, projected, recurred = backwards(gradient)
    rows = lambda x: x.reshape(-1, x.shape[-1])  # noqa: E731
    return kernel_gradient(rows(before), rows(recurred), dtype), bias, carry, projected, None


_scan.defvjp(_forwards, _backwards)


class GRU(Gated):
    """Gated recurrent unit. Gate order r, z, n. One bias per gate, and b_h for the candidate."""

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

    def bias(self) -> jax.Array:
        return self.candidate_bias

    @nn.nowrap
    def gates(self, carry: Carry, projected: jax.Array, recurred: jax.Array, bias: jax.Array) -> Carry:
        (h,) = carry
        x_gates, x_candidate = jnp.split(projected, [2 * self.size], axis=-1)
        h_gates, h_candidate = jnp.split(recurred, [2 * self.size], axis=-1)
        r, z = jnp.split(nn.sigmoid(x_gates + h_gates), 2, axis=-1)
        n = jnp.tanh(x_candidate + r * (h_candidate + bias))
        return ((1 - z) * n + z * h,)


class LSTM(Gated):
    """Long short-term memory (TensorFlow's BasicLSTM when ``forget_bias`` is 1). Gate order i, f, g, o."""

    forget_bias: float = 1.0

    def setup(self) -> None:
        self.input, self.recurrent = _gates(self, 4)

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        """Zero memory: ``(h, c)``, float32[B, H] each."""
        return (jnp.zeros((batch, self.size)), jnp.zeros((batch, self.size)))

    def project(self, inputs: jax.Array) -> jax.Array:
        """The inputs' share of the gates, float[..., 4H]."""
        return self.input(inputs)

    @nn.nowrap
    def gates(self, carry: Carry, projected: jax.Array, recurred: jax.Array, bias: tuple[()]) -> Carry:
        _, c = carry
        i, f, g, o = jnp.split(projected + recurred, 4, axis=-1)
        c = nn.sigmoid(f + self.forget_bias) * c + nn.sigmoid(i) * jnp.tanh(g)
        return (nn.sigmoid(o) * jnp.tanh(c), c)
