"""The paper's experiments: ``python -m benchmarks.reproduction warehouse --seeds 10``.

Trains every method of an experiment on every seed and writes small JSON files to
``benchmarks/results/reproduction/``. What is there already is not done again, and a run that was stopped
goes on where it was. Several of these commands share the work. Options of ``iam_jax.train`` may follow.
``python -m benchmarks.reproduction document`` rebuilds every table and figure of ``docs/reproduction.md``.
"""

import argparse
from functools import partial
from pathlib import Path

from benchmarks.timing import check_counts
from iam_jax.cli import exit_on_error, use_compilation_cache


def main() -> None:
    use_compilation_cache()
    import jax

    from benchmarks.reproduction.experiments import EXPERIMENTS
    from benchmarks.reproduction.training import Place

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reproduction",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("experiment", choices=[*EXPERIMENTS, "document"])
    parser.add_argument("--seeds", type=int, help="by default as in docs/reproduction.md")
    parser.add_argument("--budget", type=int, help="environment steps of each seed; default likewise")
    parser.add_argument("--only", nargs="+", metavar="METHOD", help="some methods, in this order")
    parser.add_argument(
        "--at-once",
        type=int,
        help="seeds trained together; by default all on a GPU and 1 on a CPU, which is faster there",
    )
    parser.add_argument("--results", type=Path, default=Place.results, help="folder of the JSON files")
    parser.add_argument("--runs", type=Path, default=Place.runs, help="folder of runs and checkpoints")
    options, more = parser.parse_known_args()
    place = Place(options.results, options.runs)
    if options.experiment == "document":
        from benchmarks.reproduction.document import rebuild

        exit_on_error(partial(rebuild, options.results))
    what = EXPERIMENTS[options.experiment]
    seeds = what.seeds if options.seeds is None else options.seeds
    steps = what.steps if options.budget is None else options.budget
    at_once = options.at_once
    if at_once is None:
        at_once = 1 if jax.default_backend() == "cpu" else seeds
    check_counts(parser, seeds, steps, at_once)
    names = options.only or list(what.methods)
    if unknown := [name for name in names if name not in what.methods]:
        parser.error(f"{options.experiment} has no method {unknown[0]} (but {', '.join(what.methods)})")

    def command() -> None:
        from benchmarks.reproduction.training import train

        for first in range(0, seeds, at_once):
            for name in names:
                together = range(first, min(first + at_once, seeds))
                train(options.experiment, name, together, steps=steps, more=more, place=place)

    exit_on_error(command)


if __name__ == "__main__":
    main()
