"""Running normalisation of observations, with its statistics among a model's variables."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import struct

STATISTICS = "statistics"
"""The collection of variables that hold them. They are not learnt: they follow what was observed."""
LIMIT = 10.0
"""A normalised number lies within plus and minus this."""
EPS = 1e-8


class Moments(struct.PyTreeNode):
    """Mean and variance of what was seen so far, [...], and how much that was, float32[]."""

    mean: jax.Array
    var: jax.Array
    count: jax.Array

    @classmethod
    def start(cls, shape: tuple[int, ...] = ()) -> "Moments":
        """Of nothing yet: mean 0 and variance 1, so that what comes first passes unchanged."""
        return cls(mean=jnp.zeros(shape), var=jnp.ones(shape), count=jnp.zeros(()))

    def after(self, x: jax.Array) -> "Moments":
        """With the numbers x, [..., *shape], too (Chan et al. 1979)."""
        rows = x.reshape(-1, *self.mean.shape).astype(self.mean.dtype)
        count = self.count + len(rows)
        share = len(rows) / count
        shift = rows.mean(0) - self.mean
        var = self.var * (1 - share) + rows.var(0) * share + jnp.square(shift) * share * (1 - share)
        return Moments(mean=self.mean + shift * share, var=var, count=count)


class Normalise(nn.Module):
    """Vectors [..., O] with about zero mean and unit variance in each entry, cut at `LIMIT`.

    Applied with the collection `STATISTICS` mutable, it first takes the vectors into its statistics.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        names, start = ("mean", "var", "count"), Moments.start(x.shape[-1:])
        kept = [self.variable(STATISTICS, name, getattr, start, name) for name in names]
        moments = Moments(*(variable.value for variable in kept))
        if self.is_mutable_collection(STATISTICS) and not self.is_initializing():
            moments = moments.after(x)
            for name, variable in zip(names, kept, strict=True):
                variable.value = getattr(moments, name)
        scaled = (x - moments.mean) * jax.lax.rsqrt(moments.var + EPS)
        return jnp.clip(scaled, -LIMIT, LIMIT)
