"""Steps per second of the traffic task in JAX and in SUMO: ``python -m benchmarks.sumo_ratio``. Needs SUMO.

Both play random actions in turns, so that whatever else the machine does falls on both. SUMO runs one
environment in this process through libsumo, starts included, with nothing read but observation and reward.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.env_throughput import measure
from benchmarks.timing import Timing, machine, show
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
    parser.add_argument("--num-steps", type=int, default=250)
    parser.add_argument("--episodes", type=int, default=20, help="of SUMO in each turn")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if min(options.episodes, options.turns) < 1:
        parser.error("--episodes and --turns must be at least 1")
    try:
        sumo, rng = Sumo(), np.random.default_rng(0)
    except ValueError as error:
        parser.error(str(error))
    rates: dict[str, list[float]] = {"jax": [], "sumo": []}
    for _ in range(options.turns):
        ours = measure("traffic", options.num_envs, options.num_steps, repeats=3)
        rates["jax"].append(ours["steps_per_second"]["median"])
        rates["sumo"].append(sumo_rate(sumo, rng, options.episodes))
    sumo.close()
    result: dict[str, Timing] = {}
    for name, values in rates.items():
        timing = {"median": statistics.median(values), "low": min(values), "high": max(values)}
        result[name] = timing
        print(f"{name:5} {show(timing)}")
    ratios = [ours / theirs for ours, theirs in zip(rates["jax"], rates["sumo"], strict=True)]
    ratio = {"median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}
    result["ratio"] = ratio
    print(f"ratio {ratio['median']:.0f} (turn by turn {ratio['low']:.0f} to {ratio['high']:.0f})")
    if options.output:
        options.output.write_text(json.dumps(machine() | {"steps_per_second": result}, indent=2) + "\n")


if __name__ == "__main__":
    main()
