"""Where the numbers of a run go: a JSON-lines file and, if asked for, TensorBoard and wandb."""

import importlib.util
import json
import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from iam_jax.config import Config, ConfigError
from iam_jax.stored import to_dict

Row = dict[str, Any]


class Sink(Protocol):
    """Takes one row of numbers at a time; a row has "seed" and "step"."""

    def write(self, row: Row) -> None: ...
    def close(self) -> None: ...


class JsonLines:
    """``metrics.jsonl``: one object per line, nan as null. On resuming, later rows are dropped."""

    def __init__(self, file: Path, last_update: int):
        kept = [row for row in read_rows(file) if row["update"] <= last_update]
        shortened = file.with_suffix(".tmp")
        self._file = shortened.open("w", encoding="utf-8")
        for row in kept:
            self.write(row)
        shortened.replace(file)  # a kill leaves the old file or the new one

    def write(self, row: Row) -> None:
        finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        self._file.write(json.dumps(finite) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class TensorBoard:
    """One event file per run, below ``tensorboard/``."""

    def __init__(self, run_dir: Path, last_step: int):
        import tensorboardX

        self._open = lambda run: tensorboardX.SummaryWriter(
            str(run_dir / "tensorboard" / run), purge_step=last_step + 1
        )
        self._writers: dict[str, Any] = {}

    def write(self, row: Row) -> None:
        run = _of_run(row)
        if run not in self._writers:
            self._writers[run] = self._open(run)
        for name, value in row.items():
            if name not in ("seed", "setting", "step") and math.isfinite(value):
                self._writers[run].add_scalar(name, value, row["step"])

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


class Wandb:
    """One Weights & Biases run; with several seeds their numbers carry the seed's name."""

    def __init__(self, run_dir: Path, config: Config):
        import wandb

        self._run = wandb.init(project=config.output.wandb, dir=run_dir, config=to_dict(config))
        self._many = config.num_runs > 1

    def write(self, row: Row) -> None:
        prefix = f"{_of_run(row)}/" if self._many else ""
        numbers = {prefix + k: v for k, v in row.items() if k not in ("seed", "setting", "step")}
        self._run.log(numbers | {"step": row["step"]})

    def close(self) -> None:
        self._run.finish()


def _of_run(row: Row) -> str:
    """A run's name, such as ``learning-rate 0.001, seed0``."""
    return ", ".join(filter(None, [row.get("setting"), f"seed{row['seed']}"]))


def check_extras(config: Config) -> None:
    """Refuses sinks whose library is not installed, before anything is written.

    Raises:
      ConfigError: With the command that installs it.
    """
    wanted = {"tensorboard": config.output.tensorboard, "wandb": config.output.wandb is not None}
    libraries = {"tensorboard": "tensorboardX", "wandb": "wandb"}
    for extra, is_wanted in wanted.items():
        if is_wanted and importlib.util.find_spec(libraries[extra]) is None:
            raise ConfigError(f"--{extra} needs an extra: pip install 'iam-jax[{extra}]'.")


def open_sinks(run_dir: Path, config: Config, last_update: int) -> list[Sink]:
    """Every sink that the config asks for."""
    sinks: list[Sink] = []
    if config.output.tensorboard:
        sinks.append(TensorBoard(run_dir, last_update * config.steps_per_update))
    if config.output.wandb is not None:
        sinks.append(Wandb(run_dir, config))
    return [JsonLines(run_dir / "metrics.jsonl", last_update), *sinks]


def read_rows(file: Path) -> list[Row]:
    """Rows of a ``metrics.jsonl``; none if there is no file. A half-written last line is skipped."""
    rows = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def summarise(metrics: dict[str, np.ndarray]) -> Row:
    """Means over a call's updates; those of episodes weigh each episode once.

    Args:
      metrics: float[updates] each.
    """
    row: Row = {name: float(np.mean(x)) for name, x in metrics.items()}
    episodes = metrics["episodes"]
    total = int(episodes.sum())

    def per_episode(x: np.ndarray) -> float:
        return float(np.where(episodes > 0, x * episodes, 0).sum() / total) if total else math.nan

    mean = per_episode(metrics["episode_return"])
    square = per_episode(metrics["episode_return_std"] ** 2 + metrics["episode_return"] ** 2)
    row["episodes"] = total
    row["episode_return"] = mean
    row["episode_return_std"] = math.sqrt(max(square - mean**2, 0)) if total else math.nan
    row["episode_length"] = per_episode(metrics["episode_length"])
    row["ratio_deviation"] = float(metrics["ratio_deviation"].max())
    return row


def join(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Metrics of consecutive calls as those of one, [S, updates] each."""
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def first_not_finite(metrics: dict[str, np.ndarray]) -> int | None:
    """Index of the first update with NaN or Inf in its loss or parameters, or None.

    Args:
      metrics: float[S, updates] each.
    """
    bad = np.nonzero(~_finite(metrics).all(0))[0]
    return int(bad[0]) if len(bad) else None


def diverged(metrics: dict[str, np.ndarray]) -> np.ndarray:
    """Which runs have no finite loss or parameters in the last update, bool[S]; arguments as above."""
    return ~_finite(metrics)[:, -1]


def finite_or_none(number: Any) -> float | None:
    """A number for a JSON file, which has no nan."""
    return round(float(number), 4) if math.isfinite(number) else None


def _finite(metrics: dict[str, np.ndarray]) -> np.ndarray:
    return np.isfinite(metrics["loss"]) & np.isfinite(metrics["params_norm"])
