"""Steps per second of the traffic task in JAX and in SUMO: ``python -m benchmarks.sumo_ratio``. Needs SUMO.

Both play random actions in turns, so that whatever else the machine does falls on both. SUMO runs one
environment in this process through libsumo, starts included, with nothing read but observation and reward.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.env_throughput import measure
from benchmarks.timing import Timing, check_counts, show, spread, write
from envs_jax.traffic.sumo import Sumo


def sumo_rate(sumo: Sumo, rng: np.random.Generator, episodes: int) -> float:
    """Steps per second of whole episodes under random actions."""
    steps, began = 0, time.perf_counter()
    for _ in range(episodes):
        sumo.reset(int(rng.integers(1, 10**6)), rng.integers(0, 2, sumo.params.num_cars))
        done = False
        while not done:
            *_, done = sumo.step(int(rng.integers(0, 2)))
            steps += 1
    return steps / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sumo_ratio", description=__doc__)
    parser.add_argument("--num-envs", type=int, default=2048)
    parser.add_argument("--episodes", type=int, default=20, help="of SUMO in each turn")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    check_counts(parser, options.num_envs, options.episodes, options.turns)
    try:
        sumo, rng = Sumo(), np.random.default_rng(0)
    except ValueError as error:
        parser.error(str(error))
    rates: dict[str, list[float]] = {"jax": [], "sumo": []}
    for _ in range(options.turns):
        ours = measure("traffic", options.num_envs, repeats=3)
        rates["jax"].append(ours["steps_per_second"]["median"])
        rates["sumo"].append(sumo_rate(sumo, rng, options.episodes))
    sumo.close()
    result: dict[str, Timing] = {}
    for name, values in rates.items():
        result[name] = spread(values)
        print(f"{name:5} {show(result[name])}")
    ratios = [ours / theirs for ours, theirs in zip(rates["jax"], rates["sumo"], strict=True)]
    result["ratio"] = ratio = spread(ratios)
    print(f"ratio {ratio['median']:.0f} (turn by turn {ratio['low']:.0f} to {ratio['high']:.0f})")
    write(options.output, steps_per_second=result)


if __name__ == "__main__":
    main()
