"""Aggregates over seeds, as Agarwal et al. 2021 (Deep RL at the edge of the statistical precipice) do."""

from functools import partial

import numpy as np
from scipy import stats

iqm = partial(stats.trim_mean, proportiontocut=0.25)
"""Interquartile mean: of the middle half of the values, [S] -> []; of fewer than four, the mean."""

RESAMPLES = 10_000


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Bootstrap interval of the interquartile mean over seeds, by percentiles.

    Args:
      values: One per seed, float[S].
      level: Of confidence.

    Returns:
      Its ends; both the value itself where there is but one.
    """
    drawn = iqm(_resampled(values), axis=-1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def middle(values: np.ndarray) -> str:
    """Interquartile mean of a value per seed, and its interval, as tables show it; of one seed, its value."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return "{:.2f} [{:.2f}, {:.2f}]".format(iqm(values), *interval(values))


def steps_until(level: float, steps: np.ndarray, returns: np.ndarray) -> float:
    """Median over seeds of the environment steps at whose evaluation a return was first reached.

    Args:
      level: The return.
      steps: Of the evaluations, int[P].
      returns: Of each seed there, float[S, P].

    Returns:
      Steps; infinite where half of the seeds never reach it.
    """
    first = [found[0] if (found := steps[seed >= level]).size else np.inf for seed in returns]
    return float(np.median(first))


def improvement(values: np.ndarray, baseline: np.ndarray) -> tuple[float, float, float]:
    """Probability that a seed of one method scores higher than a seed of another; a tie counts half.

    Args:
      values: float[S].
      baseline: float[R].

    Returns:
      The probability and the ends of its bootstrap interval, seeds of both drawn again.
    """
    drawn = _better(_resampled(values), _resampled(baseline, 1))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(_better(values, baseline)), float(low), float(high)


def _better(values: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """Mean over all pairs, [..., S] and [..., R] -> [...]."""
    difference = values[..., :, None] - baseline[..., None, :]
    return (0.5 * (np.sign(difference) + 1)).mean((-1, -2))


def _resampled(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """[S] -> [RESAMPLES, S], drawn with replacement."""
    values = np.asarray(values)
    return values[np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))]
