"""The d-set selectors D of influence-aware memory: what part of the observation the memory reads.

Suau et al. 2022, Section 4. A selector maps observations [..., O] to the memory's input [..., K].
`Manual`, `Static` and `Identity` look at the observation alone; `Dynamic` also at the memory's
output of the step before, so it runs inside the scan over time.
"""

from functools import partial
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from flax.typing import Dtype
from jax.nn.initializers import Initializer

from iam_jax.models.dense import Dense


class Selector(nn.Module):
    """What every selector has: the call, and whether it needs ``h``."""

    reads_memory: ClassVar[bool] = False
    """Whether it reads the memory's output of the step before, ``h`` [..., H]; otherwise h is None."""

    def __call__(self, obs: jax.Array, h: jax.Array | None = None) -> jax.Array:
        """What the memory reads, float[..., K], of features [..., O] or of a feature map [..., Y, X, C]."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(obs, h=None)")


class Manual(Selector):
    """Given indices of the observation vector: K = number of indices."""

    indices: tuple[int, ...]

    def __call__(self, obs: jax.Array, h: jax.Array | None = None) -> jax.Array:
        return obs[..., jnp.array(self.indices)]


class Static(Selector):
    """A learned linear map A o without bias: K = ``size``."""

    size: int
    kernel_init: Initializer
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, obs: jax.Array, h: jax.Array | None = None) -> jax.Array:
        return Dense(self.size, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype)(obs)


class Dynamic(Selector):
    """Attention over the observation's variables, asked by the memory: K = ``heads``.

    Per head ``a = softmax(W3 tanh(W1 o + W2 h))`` over the O variables, and the head's output is
    the scalar ``sum_i a_i o_i`` (the published form for vectors; after Xu et al. 2015).
    """

    heads: int
    units: int
    kernel_init: Initializer
    dtype: Dtype | None = None
    reads_memory: ClassVar[bool] = True

    @nn.compact
    def __call__(self, obs: jax.Array, h: jax.Array | None = None) -> jax.Array:
        num_variables = obs.shape[-1]
        width = self.heads * self.units
        dense = partial(Dense, width, kernel_init=self.kernel_init, dtype=self.dtype)
        mixed = jnp.tanh(dense(name="observation")(obs) + dense(use_bias=False, name="memory")(h))
        mixed = mixed.reshape(*obs.shape[:-1], self.heads, self.units)
        score = self.param(
            "score",
            nn.initializers.lecun_normal(in_axis=1, out_axis=2, batch_axis=0),
            (self.heads, self.units, num_variables),
        )
        scores = jnp.einsum("...hu,huo->...ho", *promote_dtype(mixed, score, dtype=self.dtype))
        weights = nn.softmax(scores.astype(score.dtype))
        self.sow("intermediates", "attention", weights)
        return jnp.einsum("...ho,...o->...h", weights, obs)


class Identity(Selector):
    """The whole observation: the split into two paths without selection."""

    def __call__(self, obs: jax.Array, h: jax.Array | None = None) -> jax.Array:
        return obs
