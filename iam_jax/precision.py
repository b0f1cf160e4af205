"""What ``--dtype auto`` stands for: the type of factors whose products are faster on this machine."""

import dataclasses
import functools
import time
from itertools import pairwise
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from iam_jax.config import Config
from iam_jax.models.dense import product
from iam_jax.sharding import largest

ROWS, SIZES = 1024, (128, 256, 256)
"""A minibatch, and the layers whose gradient is timed."""
TURNS = 20
WORTH = 1.1
"""bfloat16 must be so many times as fast."""


def settled(config: Config) -> Config:
    """The config with a type in place of ``auto``, as it is stored; all processes of a run decide alike."""
    if config.model.dtype != "auto":
        return config
    return config.replace(model=dataclasses.replace(config.model, dtype=fastest_dtype()))


@functools.cache
def fastest_dtype() -> Literal["float32", "bfloat16"]:
    """The type in which the gradient of two layers takes less time, measured in turns."""
    rng = np.random.default_rng(0)
    rows, *kernels = (
        jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((ROWS, SIZES[0]), *pairwise(SIZES))
    )
    programs = {name: _gradient(name).lower(kernels, rows).compile() for name in ("float32", "bfloat16")}
    best = dict.fromkeys(programs, float("inf"))
    for _ in range(TURNS):
        for name, program in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program(kernels, rows))
            best[name] = min(best[name], time.perf_counter() - start)
    slower = best["bfloat16"] * WORTH > best["float32"]
    return "float32" if largest(slower) else "bfloat16"


def _gradient(name: str) -> jax.stages.Wrapped:
    """That of the kernels of a network whose products round to a type."""
    dtype = None if name == "float32" else jnp.dtype(name)

    def loss(kernels: list[jax.Array], x: jax.Array) -> jax.Array:
        for kernel in kernels:
            x = jax.nn.relu(product(x, kernel, dtype))
        return jnp.square(x).mean()

    return jax.jit(jax.grad(loss))
