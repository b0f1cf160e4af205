"""How long each memory holds what it saw once, before it has learnt: ``python -m benchmarks.memories``.

Two sequences of random inputs differ in their first step alone. What is drawn is how far the outputs are
apart at every step after it, as a share of the distance in the first: thin, units one by one; thick, all
together.
"""

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.timing import check_counts, write
from iam_jax.config import RNNConfig
from iam_jax.model_config import CELLS
from iam_jax.models.recurrences.make import make_recurrence

INPUTS, BATCH, DRAWN = 8, 64, 12
LOWEST = 1e-4
"""Of the drawn shares."""


def apart(cell: str, hidden: int, steps: int) -> np.ndarray:
    """Mean distance of every unit's output at every step from what it would have been, float[T, H]."""
    recurrence = make_recurrence(RNNConfig(cell=cell, hidden=hidden))
    keys = jax.random.split(jax.random.key(0), 3)
    inputs = jax.random.normal(keys[0], (steps, BATCH, INPUTS))
    other = inputs.at[0].set(jax.random.normal(keys[1], (BATCH, INPUTS)))
    first = jnp.zeros((steps, BATCH), bool)
    carry = recurrence.initial_carry(BATCH)
    params = recurrence.init(keys[2], carry, inputs[:1], first[:1])
    run = jax.jit(lambda inputs: recurrence.apply(params, carry, inputs, first)[1])
    return np.asarray(jnp.abs(run(inputs) - run(other)).mean(1))


def draw(found: dict[str, np.ndarray], file: Path) -> None:
    """A panel for each memory."""
    figure, panels = plt.subplots(2, 4, figsize=(10, 4.6), layout="constrained", sharex=True, sharey=True)
    for axes, (cell, distances) in zip(panels.flat, found.items(), strict=False):
        shares = np.maximum(distances / distances[0].mean(), LOWEST / 10)
        axes.plot(shares[:, :DRAWN], color="C0", alpha=0.25, lw=0.8)
        axes.plot(shares.mean(1), color="C0", lw=2)
        axes.set(title=cell, yscale="log", ylim=(LOWEST, 3))
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels.flat[len(found) :]:
        axes.axis("off")
    for axes in panels[-1]:
        axes.set_xlabel("steps later")
    for axes in panels[:, 0]:
        axes.set_ylabel("left of the first step")
    figure.savefig(file, dpi=110)
    plt.close(figure)


def steps_to_a_tenth(distances: np.ndarray) -> int | None:
    """Steps until less than a tenth is left of the first step; None if that does not happen."""
    left = distances.mean(1) / distances[0].mean()
    below = np.nonzero(left < 0.1)[0]
    return int(below[0]) if len(below) else None


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memories",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    parser.add_argument("--picture", type=Path, help="file for a figure")
    options = parser.parse_args()
    check_counts(parser, options.hidden, options.steps)
    found = {cell: apart(cell, options.hidden, options.steps) for cell in options.cells}
    rows: list[dict[str, Any]] = []
    for cell, distances in found.items():
        tenth, last = steps_to_a_tenth(distances), distances.mean(1)[-1] / distances[0].mean()
        rows.append({"cell": cell, "steps_to_a_tenth": tenth, "left_at_the_end": float(last)})
        print(f"{cell:8} a tenth is left after {tenth or 'more'} steps, {last:.1e} at the end")
    write(options.output, steps=options.steps, rows=rows)
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
