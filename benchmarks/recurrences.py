"""Milliseconds of each sequence model against the length: ``python -m benchmarks.recurrences``.

A forward pass and a training pass (the gradient of a sum of squares for parameters and inputs) over T steps
of B environments, with resets inside. The number of steps, T x B, is the same for every length, so that what
grows with T is the price of order. Compilation is not counted. Models are timed in turns; medians.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import check_counts, in_turns, spread, write
from iam_jax.model_config import CELLS, RNNConfig
from iam_jax.models.recurrences.base import Stepwise
from iam_jax.models.recurrences.make import make_recurrence

LENGTHS = (8, 32, 128, 512, 1024)


def passes(cell: str, length: int, batch: int, hidden: int) -> dict[str, Callable[[], Any]]:
    """A compiled forward and a training pass of one model."""
    model = make_recurrence(RNNConfig(cell=cell, hidden=hidden))
    key_inputs, key_first, key_params = jax.random.split(jax.random.key(0), 3)
    inputs = jax.random.normal(key_inputs, (length, batch, hidden))
    first = jax.random.bernoulli(key_first, 0.01, (length, batch))
    carry = model.initial_carry(batch)
    params = jax.jit(model.init)(key_params, carry, inputs, first)

    def loss(params: Any, inputs: jax.Array) -> jax.Array:
        return jnp.square(model.apply(params, carry, inputs, first)[1]).sum()

    forward = jax.jit(lambda params, inputs: model.apply(params, carry, inputs, first))
    training = jax.jit(jax.grad(loss, argnums=(0, 1)))
    return {
        name: partial(lambda run: jax.block_until_ready(run(params, inputs)), run)
        for name, run in (("forward", forward), ("training", training))
    }


def draw(milliseconds: dict[str, dict[str, Any]], file: Path) -> None:
    """Milliseconds against the length, a line for each model; bars from the fastest turn to the slowest."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    all_axes = figure.subplots(1, 2, sharey=True)
    for axes, name in zip(all_axes, ("forward", "training"), strict=True):
        for cell, timings in milliseconds.items():
            lengths = [int(length) for length in timings[name]]
            middle, low, high = (
                np.array([timing[key] for timing in timings[name].values()])
                for key in ("median", "low", "high")
            )
            is_loop = isinstance(make_recurrence(RNNConfig(cell=cell)), Stepwise)
            style = "o--" if is_loop else "o-"
            axes.errorbar(
                lengths, middle, [middle - low, high - middle], fmt=style, ms=3, capsize=2, label=cell
            )
        axes.set(xscale="log", yscale="log", title=f"{name} pass", xlabel="steps of a sequence, T")
        axes.set_xticks(lengths, map(str, lengths), minor=False)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    all_axes[0].set_ylabel("milliseconds")
    all_axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), title="dashed: step by step")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recurrences",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    parser.add_argument("--steps", type=int, default=32_768, help="T x B")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    parser.add_argument("--picture", type=Path, help="file for a figure of them")
    options = parser.parse_args()
    check_counts(parser, *options.lengths, options.steps, options.hidden, options.turns)
    if any(options.steps % length for length in options.lengths):
        parser.error(f"--steps {options.steps} must be a multiple of every length")
    results: dict[str, dict[str, Any]] = {}
    for length in options.lengths:
        calls = {
            (cell, name): call
            for cell in options.cells
            for name, call in passes(cell, length, options.steps // length, options.hidden).items()
        }
        for (cell, name), seconds in in_turns(calls, options.turns).items():
            milliseconds = spread([1000 * x for x in seconds])
            results.setdefault(cell, {}).setdefault(name, {})[str(length)] = milliseconds
        row = ", ".join(
            f"{cell} {results[cell]['training'][str(length)]['median']:.1f}" for cell in options.cells
        )
        print(f"T = {length}, training pass in ms: {row}", flush=True)
    write(options.output, steps=options.steps, hidden=options.hidden, milliseconds=results)
    if options.picture:
        draw(results, options.picture)


if __name__ == "__main__":
    main()
