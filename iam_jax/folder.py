"""The folder of a run: what it is called, and whether it can be written to."""

import itertools
import os
import re
from pathlib import Path

from iam_jax.config import Config, ConfigError

RUNS = Path("runs")
"""Where runs without a folder of their own go, below the present one."""


def new_folder(config: Config, run_dir: str | Path | None) -> Path:
    """The folder of a new run: the one that is asked for, or one in `RUNS` that does not exist yet.

    Raises:
      ConfigError: It holds something already, or cannot be made.
    """
    if run_dir is None:
        env = re.sub(r"[^\w.-]", "-", config.env)
        what = "sweep" if config.sweep else f"seed{config.seed}"
        name = f"{env}-{config.preset}-{config.model_label}-{what}"
        names = itertools.chain([name], (f"{name}-{i}" for i in itertools.count(2)))
        folder = next(path for path in (RUNS / n for n in names) if not path.exists())
    else:
        folder = Path(run_dir)
    check_folder(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(
            f"{run_dir} is not empty: if it holds a run, go on with --resume {run_dir}; else choose another "
            "--run-dir."
        )
    return folder


def check_folder(folder: Path) -> None:
    """Refuses a folder that cannot be made or written to.

    Raises:
      ConfigError: With the reason.
    """
    path = folder.absolute()
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"The path {str(path)!a} cannot be read in this locale: set LC_ALL=C.UTF-8 or PYTHONUTF8=1."
        ) from error
    if not str(path).isascii() and os.fsencode("é") != "é".encode():
        raise ConfigError(f"The path {str(path)!a} cannot be written in this locale: set LC_ALL=C.UTF-8.")
    try:
        existing = next(parent for parent in (path, *path.parents) if parent.exists())
        if not existing.is_dir():
            raise ConfigError(f"The folder {folder} cannot be made: {existing} is a file.")
        probe = existing / f".iam_jax-{os.getpid()}"
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise ConfigError(
            f"The folder {folder} cannot be made or written to ({error.strerror or error}): choose another."
        ) from error
