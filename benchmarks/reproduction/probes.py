"""What the memory holds: ``python -m benchmarks.reproduction.probes RUN ...``.

Plays trained agents, and decodes the hidden variables linearly (ridge regression, fitted on half of the
episodes, scored on the others) from the memory, from the features beside or before it, from the observation,
from all observations of the last steps ("history"), and from the memory of another episode ("chance").
R^2 is the share of a variable's variance that is explained, averaged over variables, and 0 for its mean.
*Warehouse*: the age of each item that is there. *Traffic*: which of four ways the light stands (share of
right guesses), the yellow time left, the number of cars on each lane out of sight.

The mean canonical correlation between memory and features is 1 where one repeats the other.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
from functools import partial

import jax
import numpy as np

from benchmarks.reproduction.agents import Agent, held, load_agents, parse_runs, play
from benchmarks.timing import write
from envs_jax.traffic.network import LANES
from iam_jax.cli import exit_on_error, use_compilation_cache
from iam_jax.config import ConfigError
from iam_jax.look.probe import explained, ridge

Target = tuple[str, np.ndarray, np.ndarray]
"""Name, values [T, N, V], and where they count [T, N, V]."""
HISTORY = {"warehouse": 8, "traffic": 32}
SOURCES = ("memory", "features", "observation", "history", "chance")
OUT_OF_SIGHT = [i for i, lane in enumerate(LANES) if lane.name[:3] in ("L62", "L63", "L66", "L67")]


def ages(hidden: np.ndarray, going: np.ndarray) -> list[Target]:
    return [("item ages, R²", hidden.astype(float), going[..., None] & (hidden >= 0))]


def lights_and_cars(hidden: np.ndarray, going: np.ndarray) -> list[Target]:
    light, yellow, cars = hidden[..., :4], hidden[..., 4:5], hidden[..., 5:21][..., OUT_OF_SIGHT]
    every = lambda x: np.broadcast_to(going[..., None], x.shape)  # noqa: E731
    return [
        ("light, right guesses", light, every(light)),
        ("yellow time left, R²", yellow, every(yellow)),
        ("cars on lanes out of sight, R²", cars, every(cars)),
    ]


TARGETS: dict[str, Callable[[np.ndarray, np.ndarray], list[Target]]] = {
    "warehouse": ages,
    "traffic": lights_and_cars,
}


def score(name: str, x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> float:
    """Of a linear readout on the second half of the episodes.

    Args:
      name: Of the target.
      x: What it is read from, [T, N, F].
      y: Target, [T, N, V].
      counts: Where it is defined, [T, N, V].
    """
    half = x.shape[1] // 2
    halves = [
        tuple(part.reshape(-1, part.shape[-1]) for part in (x[:, cut], y[:, cut], counts[:, cut]))
        for cut in (slice(0, half), slice(half, None))
    ]
    (x0, y0, c0), (x1, y1, c1) = halves
    if "guesses" in name:
        guess = ridge(x0[c0[:, 0]], y0[c0[:, 0]])(x1)
        return float((guess.argmax(-1) == y1.argmax(-1))[c1[:, 0]].mean())
    shares = []
    for v in range(y.shape[-1]):
        fit, test = c0[:, v], c1[:, v]
        shares.append(explained(y1[test, v], ridge(x0[fit], y0[fit, v : v + 1])(x1[test])[:, 0]))
    return float(np.mean(shares))


def canonical_correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Between two sets of variables, [N, F] and [N, G], the largest first; directions without variance
    are left out.
    """

    def basis(z: np.ndarray) -> np.ndarray:
        left, size, _ = np.linalg.svd(z - z.mean(0), full_matrices=False)
        return left[:, size > 1e-6 * size[0]]

    return np.linalg.svd(basis(x).T @ basis(y), compute_uv=False)


def stacked(obs: np.ndarray, frames: int) -> np.ndarray:
    """The last observations of each step, zero before the first: [T, N, O] -> [T, N, frames * O]."""
    padded = np.concatenate([np.zeros((frames - 1, *obs.shape[1:])), obs])
    return np.concatenate([padded[i : i + len(obs)] for i in range(frames)], axis=-1)


def probe(agent: Agent, episodes: int, seed: int) -> tuple[dict[tuple[str, str], float], np.ndarray]:
    """(Variable, source) -> score, and the canonical correlations of memory and features."""
    env = agent.config.env
    obs, first, hidden, going = play(agent, jax.random.key(seed), episodes)
    inside = {k: np.asarray(v, float) for k, v in jax.jit(partial(held, agent))(obs, first).items()}
    obs, going = np.asarray(obs, float), np.asarray(going)
    sources = inside | {
        "observation": obs,
        "history": stacked(obs, HISTORY[env]),
        "chance": np.roll(inside["memory"], 1, axis=1),
    }
    scores = {
        (name, source): score(name, sources[source], values, counts)
        for name, values, counts in TARGETS[env](np.asarray(hidden), going)
        for source in SOURCES
    }
    rows = [inside[name][going][::20] for name in ("memory", "features")]
    return scores, canonical_correlations(*rows)


def main() -> None:
    options = parse_runs("probes", __doc__, episodes=500)
    exit_on_error(partial(_probe_runs, options))


def _probe_runs(options: argparse.Namespace) -> None:
    use_compilation_cache()
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run_dir in options.runs:
        for seed, agent in enumerate(load_agents(run_dir)):
            config = agent.config
            if config.env not in TARGETS:
                raise ConfigError(f"{run_dir}: only {' and '.join(TARGETS)} name what they hide.")
            scores, correlations = probe(agent, options.episodes, seed)
            who = f"{config.env}, {config.model_label}"
            for (name, source), value in scores.items():
                found[who, name][source].append(value)
            found[who, "canonical correlation with the features"]["memory"].append(correlations.mean())
    rows = [
        [who, str(len(by_source["memory"])), name, *(_number(by_source.get(source)) for source in SOURCES)]
        for (who, name), by_source in found.items()
    ]
    columns = ["agent", "seeds", "read", "memory", "features", "observation", "history", "chance"]
    for row in rows:
        print(" | ".join(row))
    write(options.output, columns=columns, rows=rows, episodes=options.episodes)


def _number(values: list[float] | None) -> str:
    if not values:
        return ""
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values):.2f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
