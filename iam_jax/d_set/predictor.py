"""The predictor: it sees what is there now, and remembers the history of some variables alone.

    h_t = GRU(h_{t-1}, [m * o_t, m]),   y_t = W relu(V [o_t, h_t, g_t]),   loss = mean (y_t - target_t)^2

The mask m says what the memory reads. Targets have variance 1, so the loss is the share of it that is not
explained.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from iam_jax.d_set.histories import Histories
from iam_jax.models.recurrences.gated import GRU

LEARNING_RATE = 3e-3
BATCH = 32
"""Histories of a gradient step."""


class Predictor(nn.Module):
    """Of K numbers, with H units of memory."""

    size: int
    outputs: int

    @nn.compact
    def __call__(self, mask: jax.Array, obs: jax.Array, first: jax.Array, given: jax.Array) -> jax.Array:
        """float[T, B, K]; the mask is float[O], or float[B, O] with one for each history."""
        glorot = nn.initializers.glorot_uniform()
        cell = GRU(self.size, glorot, nn.initializers.orthogonal())
        mask = jnp.broadcast_to(mask, obs.shape)
        _, h = cell(cell.initial_carry(obs.shape[1]), jnp.concatenate([mask * obs, mask], -1), first)
        x = nn.relu(nn.Dense(2 * self.size)(jnp.concatenate([obs, h, given], -1)))
        return nn.Dense(self.outputs)(x)


def losses(model: Predictor, params: Any, mask: jax.Array, data: Histories) -> jax.Array:
    """Of each history, float[N]."""
    y = model.apply(params, mask, data.obs, data.first, data.given)
    return jnp.square(jnp.asarray(y) - data.target).mean((0, 2))


def fit(
    model: Predictor, data: Histories, mask: jax.Array | None, key: jax.Array, steps: int, places: np.ndarray
) -> Any:
    """Parameters after so many steps of Adam on random histories, its rate falling to 0.

    Args:
      model: What is fitted.
      data: N histories.
      mask: What the memory reads, float[O]; or None, and it learns to do with any subset of the variables:
        of each history a share of them that is drawn anew.
      key: Of initialisation, histories and subsets.
      steps: Of Adam.
      places: Variable of each place of an observation, int[O].
    """
    key_init, key = jax.random.split(key)
    few = data.of(slice(1))
    params = model.init(key_init, jnp.ones(data.obs.shape[-1]), few.obs, few.first, few.given)
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.linear_schedule(LEARNING_RATE, 0, steps))
    )

    def step(loop: Any, key: jax.Array) -> Any:
        params, state = loop
        key_batch, key_share, key_mask = jax.random.split(key, 3)
        batch = data.of(jax.random.randint(key_batch, (BATCH,), 0, data.obs.shape[1]))
        reads = mask
        if reads is None:
            share = jax.random.uniform(key_share, (BATCH, 1))
            kept = jax.random.bernoulli(key_mask, share, (BATCH, places.max() + 1))
            reads = kept[:, places].astype(jnp.float32)
        grads = jax.grad(lambda params: losses(model, params, reads, batch).mean())(params)
        updates, state = optimiser.update(grads, state)
        return (optax.apply_updates(params, updates), state), None

    start = (params, optimiser.init(params))
    return jax.lax.scan(step, start, jax.random.split(key, steps))[0][0]


@partial(jax.jit, static_argnames=("model", "steps", "num_seeds"))
def fitted_losses(
    model: Predictor,
    train: Histories,
    held_out: Histories,
    mask: jax.Array,
    seed: jax.Array,
    steps: int,
    num_seeds: int,
) -> jax.Array:
    """Losses on held-out histories of predictors fitted for one subset, float[R, N].

    Args:
      model: What is fitted.
      train: Histories to learn from.
      held_out: N others.
      mask: The subset, float[O].
      seed: Of the first of ``num_seeds``, R.
      steps: Of Adam.
      num_seeds: Fits of it.
    """
    none = np.zeros(mask.shape[-1], int)

    def one(key: jax.Array) -> jax.Array:
        return losses(model, fit(model, train, mask, key, steps, none), mask, held_out)

    return jax.vmap(one)(jax.vmap(jax.random.key)(seed + jnp.arange(num_seeds)))
