"""Learning curves of several runs in one picture: ``python -m benchmarks.plot_runs RUN ... -o FILE``."""

import argparse
from pathlib import Path

from envs_jax.reference import recorded
from iam_jax import stored
from iam_jax.metrics import read_rows
from iam_jax.report import draw_curves


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot_runs", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs on one environment")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    config = stored.load(options.runs[0])
    curves = {run.name: read_rows(run / "metrics.jsonl") for run in options.runs}
    references = recorded(config.env, config.env_arguments())
    title = " ".join([config.env, *config.env_args])
    draw_curves(curves, references, options.output, title)


if __name__ == "__main__":
    main()
