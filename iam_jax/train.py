"""Training: ``python -m iam_jax.train --env warehouse --num-envs 4096``, and `iam_jax.train` from Python.

A package cannot hold a function and a module of one name, and both are what people type; so this module,
called, is the function `iam_jax.api.train`.
"""

import argparse
import dataclasses
import sys
import types
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from iam_jax import presets, stored
from iam_jax.checks import check
from iam_jax.cli import exit_on_error, use_compilation_cache
from iam_jax.config import Config, ConfigError, differences
from iam_jax.folder import new_folder

if TYPE_CHECKING:
    from iam_jax.run import Run

DEFAULT = Config()
PROGRAM = "python -m iam_jax.train"
DESCRIPTION = """Trains an agent with memory by recurrent PPO.

--env, --preset and --model choose the defaults of everything below; any option overrides them.
"""


@dataclasses.dataclass(frozen=True)
class CommandLine:
    """What is typed: where a run goes, which network it has, and its config."""

    model: str = "iam"
    """iam: influence-aware memory; rnn: recurrent; fnn: feedforward; fnn-stack: the same on the last frames;
    or a network of your own, as my_module:MyNetwork (docs/memory.md). Decides which options there are."""
    run_dir: str | None = None
    """Folder of the run; by default runs/ENV-PRESET-MODEL-seedN, numbered if that exists."""
    resume: str | None = None
    """Go on with the run in this folder, bitwise, with the options it began with."""
    config: Config = DEFAULT


def main(arguments: list[str] | None = None) -> None:
    exit_on_error(partial(_train, sys.argv[1:] if arguments is None else arguments))


def _train(arguments: list[str]) -> int:
    line = parse_line(arguments)
    config = line.config
    run_dir = Path(line.resume) if line.resume else new_folder(config, line.run_dir)
    use_compilation_cache()
    from rich.console import Console

    from iam_jax.run import Failed, Run, Stopped
    from iam_jax.sharding import connect, is_first_process

    connect(config, run_dir)
    console = Console(quiet=not is_first_process())
    outcome = Run(config, run_dir, console=console).train(resume=line.resume is not None)
    if isinstance(outcome, Failed):
        return 1
    return 128 + (outcome.signal or 0) if isinstance(outcome, Stopped) else 0


def parse(arguments: list[str]) -> Config:
    """The config that a command line describes; see `parse_line`."""
    return parse_line(arguments).config


def parse_line(arguments: list[str]) -> CommandLine:
    """What a command line says.

    Raises:
      ConfigError: A choice cannot work. (An unknown option ends the program with status 2.)
    """
    first = argparse.ArgumentParser(PROGRAM, add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("env", "preset", "model", "resume"):
        first.add_argument(f"--{name}")
    try:
        chosen, _ = first.parse_known_args(arguments)
    except argparse.ArgumentError:
        chosen = argparse.Namespace(env=None, preset=None, model=None, resume=None)  # tyro says what is wrong
    if chosen.resume == "":
        raise ConfigError("--resume takes the folder of a run.")
    stored_config = stored.load(chosen.resume) if chosen.resume else None
    default = stored_config or _preset(chosen)
    line = tyro.cli(
        CommandLine,
        args=arguments,
        default=CommandLine(model=default.model_name, config=default),
        description=f"{DESCRIPTION}\n{presets.describe()}",
        prog=PROGRAM,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.AvoidSubcommands),
    )
    line = dataclasses.replace(line, model=presets.model_name(line.model))
    check(line.config)
    if stored_config:
        _check_resumed(line, stored_config)
    return line


def _check_resumed(line: CommandLine, stored_config: Config) -> None:
    """Refuses options beside ``--resume`` that the run did not begin with."""
    if line.run_dir is not None:
        raise ConfigError("--resume takes the folder of a run, and no --run-dir beside it.")
    changed = list(map(str, differences(line.config, stored_config)))
    if line.model != stored_config.model_name:
        changed.append(f"--model {line.model} (was {stored_config.model_name})")
    if changed:
        raise ConfigError(
            f"--resume goes on with the options that {line.resume} began with, so leave out "
            f"{', '.join(changed)}. A new run can begin with its parameters: --init-from {line.resume}, "
            "whose schedules (learning rate, clip, entropy) then span the new run."
        )


def _preset(chosen: argparse.Namespace) -> Config:
    try:
        return presets.preset(chosen.env or "warehouse", chosen.preset or "fast", chosen.model or "iam")
    except ConfigError:
        if chosen.preset in (None, "custom", *presets.PRESETS):
            raise
        return Config()  # the full parser will say what is wrong, and list the choices


class _Callable(types.ModuleType):
    """See the module's own text."""

    def __call__(self, config: Config, **options: Any) -> "Run":
        """`iam_jax.api.train`."""
        from iam_jax.api import train

        return train(config, **options)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    main()
