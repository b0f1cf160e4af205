"""Many runs in one program against one after the other: ``python -m benchmarks.sweep --env Pendulum-v1``.

Takes the options of ``python -m iam_jax.train``, with ``--sweep`` or ``--num-seeds``. The runs are trained
``--updates`` updates in one compiled program, and each alone in a program of its own, as separate commands
would have it. Seconds of compilation are told apart. In turns, medians.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import jax

from benchmarks.timing import check_counts, in_turns, spread, write
from iam_jax.build import make_learner
from iam_jax.config import Config, ConfigError
from iam_jax.learners import Learners, Program
from iam_jax.swept_env import swept_params
from iam_jax.train import parse


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--updates", type=int, default=8, help="of each run in a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options, rest = parser.parse_known_args()
    check_counts(parser, options.updates, options.turns)
    try:
        config = parse(rest)
    except ConfigError as error:
        parser.error(str(error))
    if config.num_runs < 2:
        parser.error("give --sweep or --num-seeds: one run alone has nothing to be compared with")
    together = compiled(config, options.updates)
    alone = [
        compiled(config.at(setting).replace(seed=config.seed + i, num_seeds=1), options.updates)
        for setting in config.settings
        for i in range(config.num_seeds)
    ]
    compilation = {"together": together[1], "alone": sum(seconds for _, seconds in alone)}
    seconds = in_turns(
        {"together": together[0], "alone": lambda: [go() for go, _ in alone]},
        options.turns,
    )
    training = {name: spread(times) for name, times in seconds.items()}
    steps = options.updates * config.steps_per_update * config.num_runs
    for name, times in training.items():
        print(
            f"{config.num_runs} runs {name:8}  compilation {compilation[name]:6.1f} s, "
            f"{options.updates} updates {times['median']:6.2f} s "
            f"({times['low']:.2f} to {times['high']:.2f}), "
            f"{steps / times['median']:,.0f} steps/s"
        )
    write(
        options.output,
        runs=config.num_runs,
        steps=steps,
        compilation_seconds=compilation,
        training_seconds=training,
    )


def compiled(config: Config, updates: int) -> tuple[Any, float]:
    """What trains all runs of a config for some updates, and the seconds until it was ready."""
    learners = Learners(make_learner(config), config, env_params=swept_params(config))
    state = learners.init()
    began = time.perf_counter()
    program: Program = learners.compile(state)
    seconds = time.perf_counter() - began
    kept = [state]

    def go() -> None:
        done = 0
        while done < updates:
            number = min(config.updates_per_call, updates - done)
            kept[0], _ = program(kept[0], number)
            done += number
        jax.block_until_ready(kept[0])

    return go, seconds


if __name__ == "__main__":
    main()
