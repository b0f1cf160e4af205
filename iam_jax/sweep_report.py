"""The end of a sweep: a table with the best setting first, ``sweep.json``, and a picture."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from iam_jax.config import Config, differences
from iam_jax.metrics import finite_or_none
from iam_jax.play import Result
from iam_jax.presets import preset
from iam_jax.stored import SWEEP, write_whole
from iam_jax.sweep import ENV, Setting, label
from iam_jax.terminal import command

PICTURE = "sweep.png"


class Ended(NamedTuple):
    """How one setting ended.

    Attributes:
      setting: What it is.
      returns: Mean return of each seed; nan of one whose parameters are no longer finite.
    """

    setting: Setting
    returns: list[float]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.returns))

    @property
    def se(self) -> float:
        """Standard error of the mean over the seeds; nan of one seed."""
        return (
            float(np.std(self.returns, ddof=1) / len(self.returns) ** 0.5)
            if len(self.returns) > 1
            else math.nan
        )


def report_sweep(console: Console, config: Config, run_dir: Path, result: Result) -> None:
    """Prints the table and the command that trains the winner; writes the numbers and the picture.

    Args:
      console: Where to print.
      config: Of the run.
      run_dir: Its folder.
      result: Of the final evaluation, returns [S, episodes], nan where a run diverged.
    """
    ended = by_setting(config, result.returns.mean(1))
    best = ended[0]
    runs = [
        {
            "setting": e.setting,
            "mean": finite_or_none(e.mean),
            "se": finite_or_none(e.se),
            "returns": list(map(finite_or_none, e.returns)),
        }
        for e in ended
    ]
    write_whole(run_dir / SWEEP, json.dumps({"env": config.env, "settings": runs}, indent=1) + "\n")
    draw(config, ended, run_dir / PICTURE)

    table = Table(*(option.replace("_", "-") for option in best.setting), "mean return", "s.e. over seeds")
    for e in ended:
        values = [str(value) for value in e.setting.values()]
        numbers = ("diverged", "") if math.isnan(e.mean) else (f"{e.mean:.2f}", _shown(e.se))
        table.add_row(*values, *numbers, style="bold" if e is best else "")

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    seeds = f"{config.num_seeds} seed{'s' * (config.num_seeds > 1)}"
    name = " ".join([config.env, *config.env_args])
    say(f"{name}, {len(ended)} settings with {seeds}, {result.returns.shape[1]} episodes of each run:")
    console.print(table)
    say(f"Return against each number: {run_dir / PICTURE}")
    say(f"Train the best, {label(best.setting)}, alone: {train_command(config.at(best.setting))}")


def by_setting(config: Config, returns: np.ndarray) -> list[Ended]:
    """What each setting earned, the best first and those that diverged last.

    Args:
      config: Of the run.
      returns: Mean return of each run, float[S].
    """
    rows = returns.reshape(len(config.settings), config.num_seeds).astype(float)
    ended = [Ended(setting, row.tolist()) for setting, row in zip(config.settings, rows, strict=True)]
    return sorted(ended, key=lambda e: -math.inf if math.isnan(e.mean) else e.mean, reverse=True)


def train_command(config: Config) -> str:
    """The command line that trains a config, as it is typed here."""
    return command("iam_jax.train", *train_words(config))


def train_words(config: Config) -> list[str]:
    """The options that train a config: its preset, and every one that differs from that."""
    name = "fast" if config.preset == "custom" else config.preset
    base = preset(config.env, name, config.model_name)
    words = ["--env", config.env, "--preset", name, "--model", config.model_name]
    for difference in differences(config, base):
        words += _as_typed(difference.option, difference.ours)
    return words


def draw(config: Config, ended: list[Ended], file: Path) -> None:
    """Returns against each swept number; a line joins the settings that are alike in all others."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    options = list(ended[0].setting)
    figure, grid = plt.subplots(
        1, len(options), figsize=(4.2 * len(options), 3.8), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, option in zip(grid[0], options, strict=True):
        values = list(dict.fromkeys(setting[option] for setting in config.settings))
        _draw_option(axes, option, values, ended)
    grid[0][0].set_ylabel("final return, mean ± s.e. over seeds")
    figure.suptitle(" ".join([config.env, *config.env_args, config.model_label]))
    figure.savefig(file, dpi=130)
    plt.close(figure)


def _draw_option(axes: Any, option: str, values: list[Any], ended: list[Ended]) -> None:
    is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    places = values if is_number else list(range(len(values)))
    lines: dict[str, dict[Any, Ended]] = {}
    for e in ended:
        others = {name: value for name, value in e.setting.items() if name != option}
        lines.setdefault(label(others), {})[e.setting[option]] = e
    for name, line in sorted(lines.items()):
        known = [(place, line[value]) for place, value in zip(places, values, strict=True) if value in line]
        axes.errorbar(
            [place for place, _ in known],
            [e.mean for _, e in known],
            [0.0 if math.isnan(e.se) else e.se for _, e in known],
            fmt="o-",
            ms=4,
            label=name or None,
        )
    if is_number and min(values) > 0 and max(values) >= 8 * min(values):
        axes.set_xscale("log")
    axes.set_xticks(places, [str(value) for value in values])
    axes.minorticks_off()
    axes.set_xlabel(option if option.startswith(ENV) else option.replace("_", " "))
    axes.spines[["top", "right"]].set_visible(False)
    if 1 < len(lines) <= 12:
        axes.legend(fontsize=7)


def _as_typed(option: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    values = value if isinstance(value, tuple) else (value,)
    flat = [part for item in values for part in (item if isinstance(item, tuple) else (item,))]
    return [f"--{option}", *map(str, flat)]


def _shown(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.2f}"
