"""Rebuilds the tables and figures of the documents from the recorded results."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reproduction import figures, popgym, selection, selection_report
from benchmarks.reproduction.experiments import CELL_NAMES, EXPERIMENTS, WAYS
from benchmarks.reproduction.statistics import improvement, iqm, middle, steps_until
from benchmarks.reproduction.training import load

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ("reproduction.md", "memory.md")
"""Documents with tables between ``<!-- table NAME -->`` and ``<!-- end -->``."""
WITHOUT_FIGURE = (
    "faults",
    "tuning",
    "popgym",
    "tmaze-10",
    "tmaze-100-long",
    "tmaze-500",
    "repeat-first-hard",
)
Row = list[str]

PUBLISHED = {
    "IAM, manual d-set": ("41.0", "38.4", "iam-manual"),
    "IAM, whole observation": ("", "", "iam-identity"),
    "recurrent": ("", "39.6 (GRU)", "rnn"),
    "LSTM on the observation": ("35.4", "", "rnn-published"),
    "FNN, 1 frame": ("39.3", "35.5", "fnn"),
    "FNN, 8 frames": ("35.6", "34.8", "fnn-stack"),
}
"""Warehouse: the paper's Figure 5, a PyTorch reproduction's last tenth, and our methods that answer them."""
PUBLISHED_TRAFFIC = {
    "IAM": ("-3.45", "-8.0", "iam-manual"),
    "recurrent": ("-4.2 (LSTM)", "-8.3 (GRU)", "rnn"),
    "FNN, 1 frame": ("-5.6", "", "fnn"),
    "FNN, 32 frames": ("-4.2", "-11.2", "fnn-stack"),
}


def rebuild(results: Path, docs: Path = DOCS) -> None:
    """Writes the tables into those of `PAGES` that are in the folder, and figures into its ``images``.

    Raises:
      OSError: A result is not there.
    """
    texts = {page: tables(page.read_text(), results) for name in PAGES if (page := docs / name).is_file()}
    images = docs / "images"
    images.mkdir(exist_ok=True)
    for name, what in EXPERIMENTS.items():
        if methods := load(name, results):
            if name == "ablations":
                figures.ablations(methods, images / "reproduction_ablations.png")
            elif name == "selection":
                selection_report.figure(results, images / "selection.png")
            elif name not in WITHOUT_FIGURE:
                figures.curves(what, methods, images / f"reproduction_{name}.png")
    for page, text in texts.items():
        page.write_text(text)
    print(f"Wrote {', '.join(map(str, texts))} and the figures in {images}.")


def tables(text: str, results: Path) -> str:
    """The document's text with its tables made anew."""

    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        lines = TABLES[name](results) if name in TABLES else scores(name, results)
        return f"<!-- table {name} -->\n{lines}\n<!-- end -->"

    return re.sub(r"<!-- table ([\w-]+) -->.*?<!-- end -->", replaced, text, flags=re.DOTALL)


def scores(name: str, results: Path) -> str:
    """One experiment: every method's final return over seeds, and how often it beats the baseline."""
    what, methods = EXPERIMENTS[name], load(name, results)
    if not methods:
        return "Not run."
    baseline = methods.get(what.baseline)
    rows = []
    for method in what.methods:
        if method not in methods:
            continue
        result = methods[method]
        finals = result["finals"]
        chance = ""
        if baseline and method != what.baseline and min(len(finals), len(baseline["finals"])) > 1:
            chance = "{:.2f} [{:.2f}, {:.2f}]".format(*improvement(finals, baseline["finals"]))
        rows.append(
            [
                result["label"],
                f"{result['parameters']:,}",
                str(len(finals)),
                middle(finals),
                _mean(finals),
                f"{finals.min():.2f}" if len(finals) > 1 else "",
                chance,
            ]
        )
    rows += [
        [f"*{policy}*", "", "", "", f"{mean:.2f} ± {error:.2f}", "", ""]
        for policy, (mean, error) in figures.references(methods).items()
        if not re.match(r"always|clock \d", policy)  # traffic has many; the best clock is enough
    ]
    label = what.methods[what.baseline].label
    return _table(
        ["", "parameters", "seeds", "IQM [95%]", "mean ± s.e.", "worst seed", f"P(better than {label})"], rows
    )


def against_paper(results: Path) -> str:
    """The Warehouse."""
    heads = [
        *("Warehouse", "paper, 32M steps", "PyTorch reproduction"),
        *("paper's settings here, 4M", "... 32M, one seed", "matched, 12M"),
    ]
    return _against(PUBLISHED, ("warehouse-paper", "warehouse-paper-full", "warehouse"), heads, results)


def against_paper_traffic(results: Path) -> str:
    heads = ["Traffic", "paper", "a student reproduction", "here"]
    return _against(PUBLISHED_TRAFFIC, ("traffic",), heads, results)


def _against(
    published: dict[str, tuple[str, str, str]], experiments: tuple[str, ...], heads: Row, results: Path
) -> str:
    """Published scores, and beside them ours of the methods that answer them; empty where not run."""
    ours = [load(name, results) for name in experiments]
    rows = []
    for name, (*theirs, key) in published.items():
        cells = [middle(methods[key]["finals"]) if key in methods else "" for methods in ours]
        rows.append([name, *theirs, *cells])
    return _table(heads, rows)


def tuning(results: Path) -> str:
    """Interquartile mean of every method, a row, at every setting, a column; the best of each in bold."""
    grid: dict[str, dict[str, float]] = {}
    for result in load("tuning", results).values():
        method, setting = result["label"].split(", learning rate ")
        grid.setdefault(method, {})[setting] = iqm(result["finals"])
    settings = sorted({setting for found in grid.values() for setting in found})
    rows = [
        [method, *(_cell(found.get(s), bold=found.get(s) == max(found.values())) for s in settings)]
        for method, found in grid.items()
    ]
    heads = [setting.replace(", entropy bonus", " /") for setting in settings]
    return _table(["learning rate / entropy bonus", *heads], rows)


def ways(results: Path) -> str:
    """T-mazes: how often each cell turns to the right side, and the steps until that is 9 of 10 times."""
    found = {length: load(f"tmaze-{length}", results) for length in WAYS}
    longer = load("tmaze-100-long", results)
    columns = [
        (f"{length} steps, `{model}`", found[length], model) for length in WAYS for model in ("rnn", "iam")
    ]
    columns.insert(3, ("100 steps, `rnn`, 4M", longer, "rnn"))
    rows = [
        [label, *(_way(methods.get(f"{model}-{cell}")) for _, methods, model in columns)]
        for cell, label in CELL_NAMES.items()
    ]
    return _table(["", *(head for head, _, _ in columns)], rows)


def _way(result: dict[str, Any] | None) -> str:
    """Share of successes, and the median over seeds of the steps to 0.9; success returns 1, failure -1."""
    if result is None:
        return ""
    # A return of 0.8 is nine successes in ten.
    when = figures.millions(steps_until(0.8, result["steps"], result["returns"]))
    return f"{(1 + result['finals'].mean()) / 2:.2f}, {when}"


def suite(results: Path) -> str:
    """POPGym: final return of every agent on every task, mean and standard error over seeds."""
    found = load("popgym", results)
    rows = [
        [task, *(_finals(found.get(f"{task}-{agent}")) for agent in popgym.AGENTS)]
        for task in popgym.tasks()
        if any(f"{task}-{agent}" in found for agent in popgym.AGENTS)
    ]
    return _table(["", *(label for label, _ in popgym.AGENTS.values())], rows)


def _finals(result: dict[str, Any] | None) -> str:
    return "" if result is None else _mean(result["finals"]) or middle(result["finals"])


def _recorded(name: str, results: Path) -> str:
    found: dict[str, Any] = json.loads((results / f"{name}.json").read_text())
    return _table(found["columns"], found["rows"])


TABLES: dict[str, Callable[[Path], str]] = {
    "against-paper": against_paper,
    "against-paper-traffic": against_paper_traffic,
    "tuning": tuning,
    "ways": ways,
    "popgym": suite,
    **{
        f"selection-{axis}": lambda results, axis=axis: _table(  # type: ignore[misc]
            selection_report.heads(axis), selection_report.rows(axis, results)
        )
        for axis in selection.AXES
    },
    **{
        f"samples-{axis}": lambda results, axis=axis: _table(  # type: ignore[misc]
            selection_report.heads(axis), selection_report.samples(axis, results)
        )
        for axis in selection.AXES
    },
    **{
        name: lambda results, name=name: _recorded(name, results)  # type: ignore[misc]
        for name in ("probes", "interventions", "runtime")
    },
}


def _cell(value: float | None, *, bold: bool) -> str:
    if value is None:
        return ""
    return f"**{value:.2f}**" if bold else f"{value:.2f}"


def _mean(finals: np.ndarray) -> str:
    if len(finals) == 1:
        return ""
    return f"{finals.mean():.2f} ± {finals.std(ddof=1) / len(finals) ** 0.5:.2f}"


def _table(heads: Row, rows: list[Row]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
