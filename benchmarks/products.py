"""What the products of a dense layer reach, by the type of their factors: ``python -m benchmarks.products``.

GFLOP/s of ``x @ w``, ``g @ w.T`` and ``x.T @ g`` with float32 results; casts of the factors count. In turns.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.timing import check_counts, in_turns, spread, write
from iam_jax.models.dense import _dot

LAYERS = ((73, 512), (512, 256), (256, 384), (128, 384), (64, 192), (24, 192), (128, 64))
PRODUCTS = {"x @ w": (0, 1, 1, 0), "g @ w.T": (2, 1, 1, 1), "x.T @ g": (0, 2, 0, 0)}
"""Product -> its factors, of (x, w, g), and the axis of each that is summed over."""
TYPES = ("float32", "bfloat16")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.products", description=__doc__)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options = parser.parse_args()
    check_counts(parser, options.rows, options.turns)
    rows: list[dict[str, Any]] = []
    for inputs, outputs in LAYERS:
        shapes = ((options.rows, inputs), (inputs, outputs), (options.rows, outputs))
        arrays = [jax.random.normal(jax.random.key(i), shape) for i, shape in enumerate(shapes)]
        calls = {}
        for dtype in TYPES:
            for name, (one, other, *axes) in PRODUCTS.items():
                program = jax.jit(partial(_dot, jnp.dtype(dtype), (axes[0], axes[1])))
                calls[dtype, name] = partial(_ready, program, arrays[one], arrays[other])
        seconds = in_turns(calls, options.turns)
        gflop = 2 * options.rows * inputs * outputs / 1e9
        rates = {key: spread([gflop / second for second in values]) for key, values in seconds.items()}
        rows += [
            {"inputs": inputs, "outputs": outputs, "dtype": dtype, "product": name, "gflop_per_second": rate}
            for (dtype, name), rate in rates.items()
        ]
        cells = [", ".join(f"{rates[dtype, name]['median']:.0f}" for name in PRODUCTS) for dtype in TYPES]
        print(f"| {inputs} to {outputs} | {' | '.join(cells)} |", flush=True)
    write(options.output, rows=rows)


def _ready(program: Any, *arguments: jax.Array) -> None:
    jax.block_until_ready(program(*arguments))


if __name__ == "__main__":
    main()
