"""Rules with a fault, beside the file of the environment that they belong to."""

import jax.numpy as jnp


def advance(state):
    return state, jnp.zeros(2) + jnp.zeros(3)
