"""Dense layers on sequences, and the product that they compute."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.typing import Dtype


class Dense(nn.Dense):
    """flax's dense layer, [..., I] to [..., O], as one `product` of two matrices.

    The gradient of a product with several leading axes sums over all of them, for which XLA copies its
    factors on a CPU: training is a third faster without. The result is the same.

    Its ``dtype`` is that of the factors alone: the result has the type of inputs and parameters.
    """

    @nn.compact
    def __call__(self, inputs: Any) -> jax.Array:
        kernel = self.param("kernel", self.kernel_init, (inputs.shape[-1], self.features))
        rows = product(inputs.reshape(-1, inputs.shape[-1]), kernel, self.dtype)
        if self.use_bias:
            rows += self.param("bias", self.bias_init, (self.features,))
        return rows.reshape(*inputs.shape[:-1], self.features)


def product(rows: jax.Array, kernel: jax.Array, dtype: Dtype | None = None) -> jax.Array:
    """``rows @ kernel``, [N, I] and [I, O] to [N, O], with factors rounded to ``dtype`` and summed in theirs.

    So is the gradient of the rows. The gradient of the kernel sums over all N rows, which lie across both
    factors: on a CPU with units for bfloat16 that product is slower than in float32 where the other two are
    up to three times as fast, so there it is not rounded.
    """
    return rows @ kernel if dtype is None else _rounded(dtype, rows, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _rounded(dtype: Dtype, rows: jax.Array, kernel: jax.Array) -> jax.Array:
    return _dot(dtype, (1, 0), rows, kernel)


def _forwards(dtype: Dtype, rows: jax.Array, kernel: jax.Array) -> tuple[jax.Array, Any]:
    return _rounded(dtype, rows, kernel), (rows, kernel)


def _backwards(dtype: Dtype, kept: Any, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    rows, kernel = kept
    return _dot(dtype, (1, 1), gradient, kernel), kernel_gradient(rows, gradient, dtype)


def kernel_gradient(rows: jax.Array, gradient: jax.Array, dtype: Dtype | None = None) -> jax.Array:
    """``rows.T @ gradient``, [N, I] and [N, O] to [I, O], as `product` says."""
    if dtype is None:
        return rows.T @ gradient
    rounded = partial(_dot, dtype, (0, 0))
    return jax.lax.platform_dependent(rows, gradient, cpu=_on_cpu, default=rounded)


def _on_cpu(rows: jax.Array, gradient: jax.Array) -> jax.Array:
    """Where I > O, XLA is twice as fast with a copy of the rows."""
    wide = rows.shape[1] > gradient.shape[1]
    return (jax.lax.optimization_barrier(rows.T) if wide else rows.T) @ gradient


_rounded.defvjp(_forwards, _backwards)


def _dot(dtype: Dtype, axes: tuple[int, int], one: jax.Array, other: jax.Array) -> jax.Array:
    """The sum over an axis of each of two matrices, whose numbers are rounded first."""
    dimensions = (((axes[0],), (axes[1],)), ((), ()))
    wide = jnp.result_type(one, other)
    return jax.lax.dot_general(
        one.astype(dtype), other.astype(dtype), dimensions, preferred_element_type=wide
    )
