"""Training one method of an experiment, seed by seed or several at once, and keeping what it scored."""

import contextlib
import dataclasses
import fcntl
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from benchmarks.reproduction.experiment import Method
from benchmarks.reproduction.experiments import EXPERIMENTS
from benchmarks.reproduction.faults import put_back
from benchmarks.timing import machine
from iam_jax import stored
from iam_jax.config import Config, ConfigError
from iam_jax.metrics import read_rows
from iam_jax.run import FINAL, Failed, Run, Stopped
from iam_jax.train import parse

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "reproduction"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where things are kept.

    Attributes:
      results: Small JSON files, one for each method of each experiment.
      runs: Folders of the runs, with checkpoints to go on from after a kill.
    """

    results: Path = RESULTS
    runs: Path = Path("runs") / "reproduction"


def train(experiment: str, name: str, seeds: range, *, steps: int, more: list[str], place: Place) -> None:
    """Trains those of the seeds that are missing, together; a run that was stopped goes on.

    Several processes may do so at once: what another one is at is left to it.

    Args:
      experiment: Of `EXPERIMENTS`.
      name: Of one of its methods.
      seeds: Which.
      steps: Environment steps of each.
      more: Further options of ``iam_jax.train``.
      place: Where things are kept.

    Raises:
      ConfigError: The results that are there were made with other options.
    """
    what = EXPERIMENTS[experiment]
    method = what.methods[name]
    options = [*f"{what.options} {method.options}".split(), "--total-steps", str(steps), *more]
    parse(options)  # a wrong option ends the program here
    file = _file(experiment, name, place.results)
    found = _load(file, method, options)["runs"]
    missing = sorted(set(seeds) - {seed for run in found for seed in run["seeds"]})
    for first, count in _consecutive(missing):
        run_dir = place.runs / experiment / f"{name}-seeds{first}to{first + count - 1}"
        with _locked(Path(f"{run_dir}.lock"), wait=False) as alone:
            done = [seed for run in _load(file, method, options)["runs"] for seed in run["seeds"]]
            if not alone or first in done:
                continue
            config = parse([*options, "--seed", str(first), "--num-seeds", str(count)])
            run = _run(config, run_dir, method)
            with _locked(place.runs / experiment / f"{name}.lock", wait=True):
                result = _load(file, method, options)
                runs = sorted([*result["runs"], run], key=lambda run: run["seeds"])
                _save(file, result | {"parameters": run.pop("parameters"), "runs": runs})
            print(f"{experiment} {name}, seeds {run['seeds']}: {run['final_returns']}", flush=True)


def _consecutive(seeds: list[int]) -> list[tuple[int, int]]:
    """Seeds as (first, number) of those that follow each other."""
    starts = [s for s in seeds if s - 1 not in seeds]
    return [(s, next(n for n in itertools.count(1) if s + n not in seeds)) for s in starts]


def _run(config: Config, run_dir: Path, method: Method) -> dict[str, Any]:
    """One process's training, from its last checkpoint if it has one."""
    begun = (run_dir / stored.FILE).is_file()
    if not begun:
        shutil.rmtree(run_dir, ignore_errors=True)
        run_dir.mkdir(parents=True)
    elif stored.load(run_dir) != dataclasses.replace(config, hardware=Config().hardware):
        raise ConfigError(f"{run_dir} holds a run with other options: remove it or choose other --runs.")
    jax.clear_caches()
    with put_back(method.fault), (run_dir / "output.txt").open("a") as output:
        outcome = Run(config, run_dir, console=Console(file=output, width=120)).train(resume=begun)
    if isinstance(outcome, Stopped):
        raise KeyboardInterrupt
    if isinstance(outcome, Failed):
        raise ConfigError(f"{run_dir} ended early: see output.txt in it.")
    rows = read_rows(run_dir / "metrics.jsonl")
    seeds = range(config.seed, config.seed + config.num_seeds)
    evaluations = {seed: [r for r in rows if r["seed"] == seed and "eval_return" in r] for seed in seeds}
    finals = json.loads((run_dir / FINAL).read_text())
    return machine() | {
        "config": stored.to_dict(config),
        "seeds": list(seeds),
        "seconds": rows[-1]["seconds"],
        "parameters": finals["parameters"],
        "episodes": finals["episodes"],
        "final_returns": finals["returns"],
        "final_se": finals["se"],
        "steps": [r["step"] for r in evaluations[config.seed]],
        "returns": [[round(r["eval_return"], 4) for r in evaluations[seed]] for seed in seeds],
    }


def _load(file: Path, method: Method, options: list[str]) -> dict[str, Any]:
    wanted = {"label": method.label, "options": " ".join(options), "fault": method.fault}
    if not file.is_file():
        return wanted | {"runs": []}
    result: dict[str, Any] = json.loads(file.read_text())
    if result["options"] != wanted["options"] or result["fault"] != wanted["fault"]:
        raise ConfigError(
            f"{file} was made with other options ({result['options']}): remove it, or choose other --results."
        )
    return result


def _save(file: Path, result: dict[str, Any]) -> None:
    """A kill leaves the old file or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_suffix(".tmp").write_text(json.dumps(result) + "\n")
    file.with_suffix(".tmp").replace(file)


@contextlib.contextmanager
def _locked(lock: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process holds the lock, and no other; it ends with the process that does."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def _file(experiment: str, name: str, results: Path) -> Path:
    return results / EXPERIMENTS[experiment].shared.get(name, experiment) / f"{name}.json"


def load(experiment: str, results: Path) -> dict[str, dict[str, Any]]:
    """Method -> its results, over all its runs: "finals" [S], "steps" [P] and "returns" [S, P].

    Empty where none of the methods of this experiment alone has been run.
    """
    methods: dict[str, dict[str, Any]] = {}
    what = EXPERIMENTS[experiment]
    if not (results / experiment).is_dir():
        return methods
    for name in what.methods:
        file = _file(experiment, name, results)
        if not file.is_file():
            continue
        result = json.loads(file.read_text())
        runs = result["runs"]
        methods[name] = result | {
            "finals": np.concatenate([run["final_returns"] for run in runs]),
            "steps": np.array(runs[0]["steps"]),
            "returns": np.concatenate([run["returns"] for run in runs]),
        }
    return methods
