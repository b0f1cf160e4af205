"""What a memory tells: linear readings of what is hidden, and what its units follow."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ENOUGH = 50
"""Samples that a variable needs, in each half of the episodes, to be read."""


class Reading(NamedTuple):
    """How well a variable is read, and how.

    Attributes:
      variable: Its place among all.
      r2: From the memory: the share of its variance that is explained in episodes which the reading was not
        fitted on. 0 for its mean, and below where the reading misleads.
      r2_seen: From the present observation alone, in the same way; None where that has no numbers.
      read: Memory [T, H] -> values [T, 1].
    """

    variable: int
    r2: float
    r2_seen: float | None
    read: Callable[[np.ndarray], np.ndarray]


def ridge(x: np.ndarray, y: np.ndarray, penalty: float = 1e-3) -> Callable[[np.ndarray], np.ndarray]:
    """Linear regression with intercept of standardised x; the penalty is per sample.

    Args:
      x: [N, F].
      y: [N, V].
      penalty: Weight of the squared coefficients.
    """
    mean, scale, base = x.mean(0), x.std(0) + 1e-6, y.mean(0)
    z = (x - mean) / scale
    weights = np.linalg.solve(z.T @ z + penalty * len(z) * np.eye(z.shape[1]), z.T @ (y - base))
    return lambda new: (new - mean) / scale @ weights + base


def explained(truth: np.ndarray, guess: np.ndarray) -> float:
    """The share of the variance of ``truth``, [N], that ``guess`` explains."""
    return float(1 - ((truth - guess) ** 2).mean() / truth.var())


def readings(
    memory: np.ndarray, seen: np.ndarray, hidden: np.ndarray, counts: np.ndarray, most: int
) -> list[Reading]:
    """The variables that can be read best, the best first; those that do not vary are left out.

    Fitted on the first half of the environments, and judged on the second.

    Args:
      memory: [T, N, H].
      seen: What is observed at the same time, [T, N, O].
      hidden: The truth, [T, N, V].
      counts: Where it is one, bool[T, N, V].
      most: As many at most.
    """
    half = memory.shape[1] // 2
    found = []
    for variable in range(hidden.shape[-1]):
        there, truth = counts[..., variable], hidden[..., variable]
        fit, held_out = (there[:, :half], there[:, half:])
        y, test = truth[:, :half][fit], truth[:, half:][held_out]
        if min(len(y), len(test)) < ENOUGH or min(y.std(), test.std()) < 1e-6:
            continue
        cases = [(x[:, :half][fit], x[:, half:][held_out]) for x in (memory, seen) if x.shape[-1]]
        reads = [ridge(before, y[:, None]) for before, _ in cases]
        scores = [explained(test, read(x)[:, 0]) for read, (_, x) in zip(reads, cases, strict=True)]
        r2_seen = scores[1] if len(scores) > 1 else None
        found.append(Reading(variable, scores[0], r2_seen, reads[0]))
    return sorted(found, key=lambda reading: -reading.r2)[:most]


def correlations(memory: np.ndarray, others: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Of every unit with every variable, where the variable counts; 0 where either does not vary, [H, V].

    Args:
      memory: [..., H].
      others: [..., V].
      counts: bool[..., V].
    """
    samples = counts[..., 0].size
    x, y, counts = (part.reshape(samples, part.shape[-1]) for part in (memory, others, counts))
    found = np.zeros((x.shape[1], y.shape[1]))
    for variable in range(y.shape[1]):
        there = counts[:, variable]
        if not there.any():
            continue
        units, values = x[there], y[there, variable]
        units, values = units - units.mean(0), values - values.mean()
        size = np.sqrt((units**2).sum(0) * (values**2).sum())
        varies = size > 1e-6 * len(values)
        found[varies, variable] = (units[:, varies] * values[:, None]).sum(0) / size[varies]
    return found
