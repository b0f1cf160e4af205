"""Steps per second of POPGym's tasks, here and in the package: ``python -m benchmarks.popgym_throughput``.

All take random actions and begin anew at an episode's end; the package's are chosen before the clock runs. In
each turn the package's environment and every number of ours are timed. Needs the extra ``popgym``.
"""

import argparse
import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.env_throughput import stepper
from benchmarks.timing import check_counts, in_turns, show, spread, write
from envs_jax.popgym import NAMES, class_name

PACKAGE_STEPS = 3000
"""Steps of the package's environment in a turn."""


def measure(name: str, nums_envs: list[int], turns: int) -> dict[str, Any]:
    """Steps per second of the package's environment, and of so many of ours: median, lowest and highest."""
    calls: dict[Any, tuple[Callable[[], Any], int]] = {"package": (package_stepper(name), PACKAGE_STEPS)}
    for num_envs in nums_envs:
        calls[num_envs] = stepper(name, num_envs)
    seconds = in_turns({label: call for label, (call, _) in calls.items()}, turns)
    rates = {label: spread([calls[label][1] / one for one in times]) for label, times in seconds.items()}
    return {"env": name, "steps_per_second": {str(label): rate for label, rate in rates.items()}}


def package_stepper(name: str) -> Callable[[], None]:
    """A call that takes `PACKAGE_STEPS` steps in one of the package's environments."""
    with warnings.catch_warnings():  # that mazes need no memory
        warnings.simplefilter("ignore")
        env = getattr(importlib.import_module("popgym.envs"), class_name(name))()
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(PACKAGE_STEPS)]

    def call() -> None:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return call


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.popgym_throughput", description=__doc__)
    parser.add_argument("--envs", nargs="+", default=list(NAMES), choices=NAMES, metavar="NAME")
    parser.add_argument("--num-envs", type=int, nargs="+", default=[1024, 16384])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options = parser.parse_args()
    check_counts(parser, *options.num_envs, options.turns)
    rows = []
    for name in options.envs:
        try:
            row = measure(name, options.num_envs, options.turns)
        except ImportError as error:
            parser.error(f"the package cannot be imported ({error}): pip install -e '.[popgym]'")
        rows.append(row)
        for label, rate in row["steps_per_second"].items():
            print(f"{name:44} {label:>8} {show(rate)}", flush=True)
        write(options.output, rows=rows)


if __name__ == "__main__":
    np.random.seed(0)  # noqa: NPY002  by which the package draws boards and mazes
    main()
