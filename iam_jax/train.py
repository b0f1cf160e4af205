"""Training: ``python -m iam_jax.train --env warehouse --num-envs 4096``."""

import argparse
import itertools
import re
import sys
from functools import partial
from pathlib import Path

import tyro

from iam_jax import presets
from iam_jax.checks import check
from iam_jax.cli import exit_on_error, use_compilation_cache
from iam_jax.config import Config, ConfigError, differences

PROGRAM = "python -m iam_jax.train"
DESCRIPTION = """Trains an agent with memory by recurrent PPO.

--env, --preset and --model choose the defaults of everything below; any option overrides them.
"""


def main(arguments: list[str] | None = None) -> None:
    exit_on_error(partial(_train, sys.argv[1:] if arguments is None else arguments))


def _train(arguments: list[str]) -> int:
    config = parse(arguments)
    run_dir = _run_dir(config)  # before any process can have made it
    use_compilation_cache()
    from rich.console import Console

    from iam_jax.metrics import check_extras
    from iam_jax.sharding import connect, is_first_process
    from iam_jax.training import Run

    connect(config, run_dir)
    check_extras(config)
    run = Run(config, run_dir, Console(quiet=not is_first_process()))
    if is_first_process() and not config.output.resume:
        run_dir.mkdir(parents=True, exist_ok=True)
        (run_dir / "config.json").write_text(config.to_json())
    return run.train(resume=config.output.resume is not None)


def parse(arguments: list[str]) -> Config:
    """The config that a command line describes.

    Raises:
      ConfigError: A choice cannot work. (An unknown option ends the program with status 2.)
    """
    first = argparse.ArgumentParser(PROGRAM, add_help=False, allow_abbrev=False)
    for name in ("env", "preset", "model", "resume"):
        first.add_argument(f"--{name}")
    chosen, _ = first.parse_known_args(arguments)
    stored = Config.load(chosen.resume) if chosen.resume else None
    config = tyro.cli(
        Config,
        args=arguments,
        default=stored or _preset(chosen),
        description=f"{DESCRIPTION}\n{presets.describe()}",
        prog=PROGRAM,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    check(config)
    if chosen.resume == "" or (stored and config.output.run_dir != stored.output.run_dir):
        raise ConfigError("--resume takes the folder of a run, and no --run-dir beside it.")
    if stored and (changed := differences(config, stored)):
        raise ConfigError(
            f"--resume goes on with the options that {chosen.resume} began with, so leave out "
            f"{', '.join(changed)}, or start a new run."
        )
    return config


def _preset(chosen: argparse.Namespace) -> Config:
    try:
        return presets.preset(chosen.env or "warehouse", chosen.preset or "fast", chosen.model or "iam")
    except ConfigError:
        if chosen.preset in (None, *presets.PRESETS) and chosen.model in (None, *presets.MODELS):
            raise
        return Config()  # the full parser will say what is wrong, and list the choices


def _run_dir(config: Config) -> Path:
    output = config.output
    if output.resume:
        return Path(output.resume)
    if output.run_dir:
        if Path(output.run_dir).exists() and any(Path(output.run_dir).iterdir()):
            raise ConfigError(
                f"{output.run_dir} is not empty: if it holds a run, go on with --resume {output.run_dir}; "
                "else choose another --run-dir."
            )
        return Path(output.run_dir)
    env = re.sub(r"[^\w.-]", "-", config.env)
    name = f"{env}-{config.preset}-{config.model}-seed{config.seed}"
    names = itertools.chain([name], (f"{name}-{i}" for i in itertools.count(2)))
    return next(path for path in (Path("runs") / n for n in names) if not path.exists())


if __name__ == "__main__":
    main()
