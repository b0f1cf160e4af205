"""Finding a d-set: ``python -m iam_jax.d_set --env warehouse``."""

import argparse
import shlex
from functools import partial
from pathlib import Path

from iam_jax.cli import exit_on_error, use_compilation_cache

DESCRIPTION = """Finds the smallest set of variables whose history must be remembered.

Beside the options below it takes those of python -m iam_jax.train that make an environment, such as --env,
--env-args and --frame-stack. It writes d_set.json and d_set.png, and prints the options that train with what
it found.
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m iam_jax.d_set",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--policy", default="random", help="who plays: random, or a reference policy's name")
    parser.add_argument("--agent", metavar="RUN", help="play with the agent of this run, in its environment")
    parser.add_argument("--num-histories", type=int, default=512, help="a quarter is held out (512)")
    parser.add_argument("--history-length", type=int, default=64, help="steps of each (64)")
    parser.add_argument("--fit-steps", type=int, default=600, help="gradient steps of a predictor (600)")
    parser.add_argument("--num-fits", type=int, default=2, help="predictors of each subset (2)")
    parser.add_argument("--units", type=int, default=32, help="of a predictor's memory (32)")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="by default runs/d-set-ENV")
    options, rest = parser.parse_known_args(arguments)
    exit_on_error(partial(_find, options, rest))


def _find(options: argparse.Namespace, rest: list[str]) -> None:
    from iam_jax.errors import ConfigError
    from iam_jax.train import parse

    if options.agent and rest:
        raise ConfigError(f"--agent plays in the environment of its run: leave out {' '.join(rest)}.")
    config = parse(rest)
    use_compilation_cache()
    from rich.console import Console

    from iam_jax.agent import load
    from iam_jax.d_set import report
    from iam_jax.d_set.search import find_d_set

    agent = load(options.agent) if options.agent else None
    config = agent.config if agent else config
    folder = options.output or Path("runs") / f"d-set-{config.env.replace('/', '-').replace(':', '-')}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The folder {folder} cannot be made: choose another with --output.") from error
    console = Console()
    say = partial(console.print, soft_wrap=True, highlight=False)
    found = find_d_set(
        config,
        policy=options.policy,
        agent=agent,
        num_histories=options.num_histories,
        history_length=options.history_length,
        fit_steps=options.fit_steps,
        num_fits=options.num_fits,
        units=options.units,
        encoder=config.model.encoder,
        seed=config.seed,
        say=say,
    )
    console.print(report.table(found))
    report.write(found, config.env, folder / "d_set.json")
    report.draw(found, config.env, folder / "d_set.png")
    if not found.variables:
        say("What is seen now tells as much as the whole history: no memory is needed for this.")
    where = rest or ["--env", config.env, *(["--env-args", *config.env_args] if config.env_args else [])]
    say(f"Train with it: python -m iam_jax.train {shlex.join(where)} {found.options}")
    say(f"Table and picture: {folder / 'd_set.json'}, {folder / 'd_set.png'}")


if __name__ == "__main__":
    main()
