"""What ``--dtype auto`` stands for: the type of factors whose products are faster on this machine."""

import dataclasses
import functools
import time
from typing import Literal

import jax
import jax.numpy as jnp

from iam_jax.config import Config
from iam_jax.sharding import largest

SIZE = (4096, 256, 256)
"""Rows, inputs and outputs of the products that are timed: those of a minibatch of a wide layer."""
TURNS = 15
WORTH = 1.15
"""bfloat16 must be so many times as fast: casts around the products take what is left below that."""


def settled(config: Config) -> Config:
    """The config with a type in place of ``auto``, as it is stored; all processes of a run decide alike."""
    if config.model.dtype != "auto":
        return config
    return config.replace(model=dataclasses.replace(config.model, dtype=fastest_dtype()))


@functools.cache
def fastest_dtype() -> Literal["float32", "bfloat16"]:
    """``bfloat16`` or ``float32``, by the products that ``--dtype bfloat16`` rounds, timed in turns."""
    rows, inputs, outputs = SIZE
    x, kernel = jnp.ones((rows, inputs)), jnp.ones((inputs, outputs))
    programs = {name: _program(name).lower(x, kernel).compile() for name in ("float32", "bfloat16")}
    best = dict.fromkeys(programs, float("inf"))
    for _ in range(TURNS):
        for name, program in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program(x, kernel))
            best[name] = min(best[name], time.perf_counter() - start)
    slower = best["bfloat16"] * WORTH > best["float32"]
    return "float32" if largest(slower) else "bfloat16"


def _program(name: str) -> jax.stages.Wrapped:
    """A product and the gradient of its rows, with factors of a type."""
    dtype = jnp.dtype(name)

    def products(x: jax.Array, kernel: jax.Array) -> jax.Array:
        y = jnp.dot(x.astype(dtype), kernel.astype(dtype), preferred_element_type=jnp.float32)
        return jnp.dot(y.astype(dtype), kernel.T.astype(dtype), preferred_element_type=jnp.float32)

    return jax.jit(products)
