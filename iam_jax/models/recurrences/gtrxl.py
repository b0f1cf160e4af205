"""Gated transformer-XL (Parisotto et al. 2020, arXiv 1910.06764) over the last K steps of an episode.

    x = W_in u + b_in
    y = attention(norm(x), norm of the last K of them);   x = gate(x, relu(y))
    y = W_2 relu(W_1 norm(x) + b_1) + b_2;                x = gate(x, relu(y))

    attention  a_tj = softmax_j((q_t + p) . k_j + (q_t + r) . (W_R R_{t-j})) over 0 <= t - j < K, same episode
               R sinusoids of the lag (Dai et al. 2019, arXiv 1901.02860);  y_t = W_o sum_j a_tj v_j
    gate       r = sigmoid(W_r y + U_r x), z = sigmoid(W_z y + U_z x - 2), h = tanh(W_h y + U_h (r * x))
               (1 - z) x + z h

The carry is the window of the last K - 1 rows ``norm(x)``, and which of them are of the present episode.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.typing import Dtype
from jax.nn.initializers import Initializer

from iam_jax.model_config import GTRXL_HEADS
from iam_jax.models.dense import Dense
from iam_jax.models.recurrences.base import Carry, Recurrence

GATE_BIAS = 2.0
"""So that a fresh layer lets its input pass."""


class GTrXL(Recurrence):
    """One layer; ``window`` is K."""

    size: int
    kernel_init: Initializer
    window: int = 32
    num_heads: int = GTRXL_HEADS
    dtype: Dtype | None = None

    def setup(self) -> None:
        layer = lambda bias=True: Dense(  # noqa: E731
            self.size, use_bias=bias, kernel_init=self.kernel_init, dtype=self.dtype
        )
        self.input, self.hidden, self.output = layer(), layer(), layer()
        self.query, self.key, self.value, self.lag, self.mix = (layer(False) for _ in range(5))
        self.content_bias = self.param("content_bias", nn.initializers.zeros, (self.size,))
        self.lag_bias = self.param("lag_bias", nn.initializers.zeros, (self.size,))
        self.norm_attention, self.norm_layers = nn.LayerNorm(), nn.LayerNorm()
        self.gate_attention = Gate(self.size, self.kernel_init, self.dtype)
        self.gate_layers = Gate(self.size, self.kernel_init, self.dtype)

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        """The window, float[B, K - 1, H], and 1 where it holds something, float[B, K - 1]."""
        length = self.window - 1
        return jnp.zeros((batch, length, self.size)), jnp.zeros((batch, length))

    def __call__(self, carry: Carry, inputs: jax.Array, first: jax.Array) -> tuple[Carry, jax.Array]:
        x = self.input(inputs)
        rows = self.norm_attention(x)
        before, held = carry
        seen = jnp.concatenate([jnp.moveaxis(before, 1, 0), rows])  # [K - 1 + T, B, H]
        # Rows of the window are of episode 0, or of none; each first step begins another one.
        episode = jnp.cumsum(first, axis=0)
        episodes = jnp.concatenate([jnp.where(held.T > 0, 0, -1), episode])
        x = self.gate_attention(x, nn.relu(self._attend(rows, seen, episode, episodes)))
        y = self.output(nn.relu(self.hidden(self.norm_layers(x))))
        x = self.gate_layers(x, nn.relu(y))
        length = self.window - 1
        kept = jnp.moveaxis(seen[len(seen) - length :], 0, 1)
        still = (episodes[len(seen) - length :] == episode[-1]).T.astype(held.dtype)
        # What is not held is cleared, so that nothing of another episode is carried along.
        return (kept * still[..., None], still), x

    def _attend(self, rows: jax.Array, seen: jax.Array, episode: jax.Array, episodes: jax.Array) -> jax.Array:
        """float[T, B, H] from the rows that ask, those that are seen [S, B, H], and the episodes of both.

        Rows ask in blocks of at most K. A block meets only the rows that its window can reach, so that the
        cost grows with T and not with its square.
        """
        length, batch, _ = rows.shape
        size = min(length, self.window)
        number = -(-length // size)
        block = (number, size, batch)
        # What fills the last block is of an episode of its own, and its answers are dropped.
        fill = lambda x, value: jnp.pad(  # noqa: E731
            x, ((0, number * size - length), *((0, 0),) * (x.ndim - 1)), constant_values=value
        )
        places = size * jnp.arange(number)[:, None] + jnp.arange(size + self.window - 1)  # [N, S]
        shown = lambda x, value: fill(x, value)[places]  # noqa: E731

        heads = lambda x: x.reshape(*x.shape[:-1], self.num_heads, -1)  # noqa: E731
        query = heads(fill(self.query(rows), 0)).reshape(*block, self.num_heads, -1)
        key, value = heads(shown(self.key(seen), 0)), heads(shown(self.value(seen), 0))
        lags = heads(self.lag(jnp.asarray(sinusoids(self.window, self.size), rows.dtype)))  # [K, h, d]
        content = jnp.einsum("ntbhd,nsbhd->nbhts", query + heads(self.content_bias), key)
        by_lag = jnp.einsum("ntbhd,khd->nbhtk", query + heads(self.lag_bias), lags)
        lag = jnp.arange(size)[:, None] + self.window - 1 - jnp.arange(size + self.window - 1)  # [T, S]
        inside = (lag >= 0) & (lag < self.window)
        index = jnp.broadcast_to(jnp.clip(lag, 0, self.window - 1), content.shape)
        scores = (content + jnp.take_along_axis(by_lag, index, axis=-1)) * query.shape[-1] ** -0.5
        same = fill(episode, -2).reshape(block)[:, :, None] == shown(episodes, -2)[:, None]  # [N, T, S, B]
        allowed = (inside[..., None] & same).transpose(0, 3, 1, 2)[:, :, None]
        weights = nn.softmax(jnp.where(allowed, scores, -jnp.inf))
        looked = jnp.einsum("nbhts,nsbhd->ntbhd", weights, value)
        return self.mix(looked.reshape(number * size, batch, -1)[:length])


class Gate(nn.Module):
    """The gate of a residual, in the form of a GRU."""

    size: int
    kernel_init: Initializer
    dtype: Dtype | None = None

    @nn.compact
    def __call__(self, x: jax.Array, y: jax.Array) -> jax.Array:
        def layer(name: str) -> Dense:
            return Dense(self.size, False, kernel_init=self.kernel_init, dtype=self.dtype, name=name)

        bias = self.param("bias", nn.initializers.constant(GATE_BIAS), (self.size,))
        r = nn.sigmoid(layer("r_y")(y) + layer("r_x")(x))
        z = nn.sigmoid(layer("z_y")(y) + layer("z_x")(x) - bias)
        h = jnp.tanh(layer("h_y")(y) + layer("h_x")(r * x))
        return (1 - z) * x + z * h


def sinusoids(number: int, size: int) -> np.ndarray:
    """Sines and cosines of the lags 0 to ``number - 1``, float64[K, H] (Vaswani et al. 2017)."""
    rate = 10_000.0 ** (-np.arange(0, size, 2) / size)
    angles = np.arange(number)[:, None] * rate
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, :size]
