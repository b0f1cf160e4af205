"""Many random numbers from one key, for rules that draw more than they compute."""

import jax
import jax.numpy as jnp

GOLDEN = 0x9E3779B9
"""2**32 over the golden ratio: sets neighbouring counters far apart."""


def uniforms(key: jax.Array, number: int) -> jax.Array:
    """Independent uniform numbers in [0, 1), multiples of 2**-24, float32[number].

    A hash of the key's own 64 bits and a counter, at a tenth of the cost of Threefry, which `jax.random`
    uses and by which `jax.random.split` made those bits. Good enough for games, not for secrets. Streams
    differ from those of ``jax.random.uniform(key)``, so the key may serve that too.
    """
    high, low = jax.random.key_data(key)[-2:]
    counter = jnp.arange(1, number + 1, dtype=jnp.uint32) * jnp.uint32(GOLDEN)
    words = _mix(_mix(counter + high) ^ low)
    return (words >> 8).astype(jnp.float32) * jnp.float32(2**-24)


def _mix(word: jax.Array) -> jax.Array:
    """The finaliser of MurmurHash3 (Appleby 2011): every bit of a word on every bit of the result."""
    word = (word ^ (word >> 16)) * jnp.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * jnp.uint32(0xC2B2AE35)
    return word ^ (word >> 16)
