"""What `import iam_jax` offers beside the classes: `train`, `resume`, and the presets by name."""

from pathlib import Path
from typing import Any

from rich.console import Console

from iam_jax import stored
from iam_jax.build import name_of
from iam_jax.checks import check
from iam_jax.config import Config
from iam_jax.folder import new_folder
from iam_jax.run import Callback, Run, Stopped


def train(
    config: Config,
    *,
    env: Any = None,
    run_dir: str | Path | None = None,
    callback: Callback = lambda row: False,
    display: bool = True,
) -> Run:
    """Trains a new run, as ``python -m iam_jax.train`` does: same folder, same files, and it can be resumed.

    Args:
      config: All choices; `iam_jax.preset` makes one.
      env: Instead of ``config.env``: a name or a path as `envs_jax.make` takes it, or anything that
        `envs_jax.adapt` takes, such as an `envs_jax.Environment` or a pair of one and its params. What is not
        a name must be handed over again to `resume` and `load`.
      run_dir: Folder of the run, empty or new; by default one below ``runs``.
      callback: Is called with each row of metrics (a dict), and stops the run by returning True.
      display: Print progress and the final table.

    Returns:
      The run; see its ``outcome`` for how it ended.

    Raises:
      ConfigError: A choice cannot work; the message says what to change, and nothing has been written.
      KeyboardInterrupt: Ctrl-C, after everything has been saved.
    """
    if env is not None:
        is_name = isinstance(env, str)
        config = config.replace(env=env if is_name else name_of(env))
        env = None if is_name else env
    check(config)
    run = Run(config, new_folder(config, run_dir), env=env, console=_console(display), callback=callback)
    return _train(run, resume=False)


def resume(
    run_dir: str | Path, *, env: Any = None, callback: Callback = lambda row: False, display: bool = True
) -> Run:
    """Goes on with a run that was stopped or killed, bitwise; arguments as of `train`.

    Raises:
      ConfigError: The folder holds no run, or its environment cannot be had.
      KeyboardInterrupt: Ctrl-C, after everything has been saved.
    """
    run = Run(stored.load(run_dir), run_dir, env=env, console=_console(display), callback=callback)
    return _train(run, resume=True)


def _train(run: Run, *, resume: bool) -> Run:
    outcome = run.train(resume=resume)
    if isinstance(outcome, Stopped) and outcome.signal is not None:
        raise KeyboardInterrupt
    return run


def _console(display: bool) -> Console:
    return Console(quiet=not display)
