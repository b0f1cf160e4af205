"""d-set selectors on the feature map of an image: what part of the map the memory reads.

Suau et al. 2022, Section 4.3. A selector maps feature maps [..., Y, X, C] to the memory's input
[..., K]; R = Y * X regions. `d_set.Identity` does for maps too, once they are flattened.
"""

from functools import partial
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from flax.typing import Dtype
from jax.nn.initializers import Initializer

from iam_jax.models.d_set import Selector
from iam_jax.models.dense import Dense

Box = tuple[int, int, int, int]
"""Row, column, height, width."""


class Boxes(Selector):
    """Given boxes of the map: K = C times their area, overlaps counted twice."""

    boxes: tuple[Box, ...]

    def __call__(self, features: jax.Array, h: jax.Array | None = None) -> jax.Array:
        parts = [_flat(features[..., r : r + y, c : c + x, :]) for r, c, y, x in self.boxes]
        return jnp.concatenate(parts, axis=-1)


class StaticMap(Selector):
    """A learned linear map without bias, the same for every region: K = R * ``size``."""

    size: int
    kernel_init: Initializer
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, features: jax.Array, h: jax.Array | None = None) -> jax.Array:
        layer = Dense(self.size, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype)
        return _flat(layer(features))


class FlatMap(Selector):
    """The whole map: K = R * C."""

    def __call__(self, features: jax.Array, h: jax.Array | None = None) -> jax.Array:
        return _flat(features)


class Attention(Selector):
    """Spatial attention, asked by the memory (Xu et al. 2015): K = ``heads`` * (C + R).

    Per head and region i ``score_i = w . tanh(W1 v_i + W2 h)`` and ``a = softmax(score)``; the head's
    output is ``sum_i a_i v_i`` and, so that the memory knows where it looked, ``a`` itself.
    """

    heads: int
    units: int
    kernel_init: Initializer
    dtype: Dtype | None = None
    reads_memory: ClassVar[bool] = True

    @nn.compact
    def __call__(self, features: jax.Array, h: jax.Array | None = None) -> jax.Array:
        *batch, rows, columns, channels = features.shape
        regions = features.reshape(*batch, rows * columns, channels)
        width = self.heads * self.units
        dense = partial(Dense, width, kernel_init=self.kernel_init, dtype=self.dtype)
        seen, asked = dense(name="observation")(regions), dense(use_bias=False, name="memory")(h)
        mixed = jnp.tanh(seen + asked[..., None, :]).reshape(*seen.shape[:-1], self.heads, self.units)
        score = self.param(
            "score", nn.initializers.lecun_normal(in_axis=1, out_axis=0), (self.heads, self.units)
        )
        scores = jnp.einsum("...rhu,hu->...hr", *promote_dtype(mixed, score, dtype=self.dtype))
        weights = nn.softmax(scores.astype(score.dtype))
        self.sow("intermediates", "attention", weights)
        looked = jnp.einsum("...hr,...rc->...hc", weights, regions)
        return jnp.concatenate([looked, weights], axis=-1).reshape(*batch, -1)


def _flat(features: jax.Array) -> jax.Array:
    return features.reshape(*features.shape[:-3], -1)
