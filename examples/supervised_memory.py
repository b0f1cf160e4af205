"""Your own training loop around the IAM module: recall the first bit of a sequence, without any reward."""

import jax
import jax.numpy as jnp
import optax

import iam_jax
from envs_jax import spaces
from iam_jax.models.actor_critic import forward
from iam_jax.models.make import make_model

T, B, DISTRACTORS = 12, 64, 7  # time, sequences, coins that mean nothing

config = iam_jax.IAMConfig(fc=(32,), hidden=16, d_set_indices=(0, 1))  # the memory reads bit and marker
model = make_model(config, spaces.Box(0.0, 1.0, (2 + DISTRACTORS,)), spaces.Discrete(2))


def sequences(key):
    """Observations float[T, B, 2 + D] whose first step shows a bit, resets bool[T, B], and the bits [B]."""
    coins = jax.random.bernoulli(key, shape=(T, B, 2 + DISTRACTORS)).astype(jnp.float32)
    first = jnp.zeros((T, B), bool).at[0].set(True)
    bit = coins[0, :, 0]
    return coins.at[1:, :, 0].set(0).at[..., 1].set(first), first, bit.astype(jnp.int32)


def loss(params, key):
    obs, first, bit = sequences(key)
    _, logits, _ = forward(model, params, model.initial_carry(B), obs, first)  # carry, [T, B, 2], values
    right = (logits[-1].argmax(-1) == bit).mean()
    return optax.softmax_cross_entropy_with_integer_labels(logits[-1], bit).mean(), right


@jax.jit
def step(params, opt_state, key):
    (_, right), grads = jax.value_and_grad(loss, has_aux=True)(params, key)
    updates, opt_state = optimiser.update(grads, opt_state)
    return optax.apply_updates(params, updates), opt_state, right


if __name__ == "__main__":
    optimiser = optax.adam(5e-3)
    obs, first, _ = sequences(jax.random.key(0))
    params = model.init(jax.random.key(1), model.initial_carry(B), obs, first)
    opt_state = optimiser.init(params)
    for i in range(301):
        params, opt_state, right = step(params, opt_state, jax.random.fold_in(jax.random.key(2), i))
        if i % 100 == 0:
            print(f"step {i}: {right:.0%} of the bits recalled after {T} steps")
