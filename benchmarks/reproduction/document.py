"""Rebuilds every table and figure of ``docs/reproduction.md`` from the recorded results."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reproduction import figures
from benchmarks.reproduction.experiments import EXPERIMENTS
from benchmarks.reproduction.statistics import improvement, interval, iqm
from benchmarks.reproduction.training import load

DOCS = Path(__file__).parent.parent.parent / "docs"
DOCUMENT = DOCS / "reproduction.md"
Row = list[str]

PUBLISHED = {
    "IAM": ("41.0", "38.4", "iam-manual", "iam-manual"),
    "recurrent": ("35.4 (LSTM)", "39.6 (GRU)", "rnn", "rnn"),
    "LSTM on the observation": ("", "", "rnn-published", "rnn-published"),
    "FNN, 1 frame": ("39.3", "35.5", "fnn", "fnn"),
    "FNN, 8 frames": ("35.6", "34.8", "fnn-stack", "fnn-stack"),
}
"""Warehouse: the paper's Figure 5, a PyTorch reproduction's last tenth, and our methods that answer them."""
PUBLISHED_TRAFFIC = {
    "IAM": ("-3.45", "-8.0", "iam-manual"),
    "recurrent": ("-4.2 (LSTM)", "-8.3 (GRU)", "rnn"),
    "FNN, 1 frame": ("-5.6", "", "fnn"),
    "FNN, 32 frames": ("-4.2", "-11.2", "fnn-stack"),
}


def rebuild(results: Path, document: Path = DOCUMENT) -> None:
    """Writes tables into the document, between ``<!-- table NAME -->`` and ``<!-- end -->``, and figures.

    Raises:
      OSError: The document or a result is not there.
    """
    text = tables(document.read_text(), results)
    images = document.parent / "images"
    images.mkdir(exist_ok=True)
    for name, what in EXPERIMENTS.items():
        if methods := load(name, results):
            if name == "ablations":
                figures.ablations(methods, images / "reproduction_ablations.png")
            elif name != "faults":
                figures.curves(what, methods, images / f"reproduction_{name}.png")
    document.write_text(text)
    print(f"Wrote {document} and the figures in {images}.")


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
    baseline = methods.get(what.baseline)
    rows = []
    for method in what.methods:
        if method not in methods:
            continue
        result = methods[method]
        finals = result["finals"]
        chance = ""
        if baseline and method != what.baseline:
            chance = "{:.2f} [{:.2f}, {:.2f}]".format(*improvement(finals, baseline["finals"]))
        rows.append(
            [
                result["label"],
                f"{result['parameters']:,}",
                str(len(finals)),
                _middle(finals),
                _mean(finals),
                f"{finals.min():.2f}",
                chance,
            ]
        )
    rows += [
        [f"*{policy}*", "", "", "", f"{mean:.2f} ± {error:.2f}", "", ""]
        for policy, (mean, error) in figures.references(methods).items()
    ]
    label = what.methods[what.baseline].label
    return _table(
        ["", "parameters", "seeds", "IQM [95%]", "mean ± s.e.", "worst seed", f"P(better than {label})"], rows
    )


def against_paper(results: Path) -> str:
    paper, matched = load("warehouse-paper", results), load("warehouse", results)
    rows = []
    for name, (figure, pytorch, ours, ours_matched) in PUBLISHED.items():
        cells = [methods[key]["finals"] for methods, key in ((paper, ours), (matched, ours_matched))]
        rows.append([name, figure, pytorch, *(_middle(finals) for finals in cells)])
    heads = ["Warehouse", "paper", "PyTorch reproduction", "here, paper's settings", "here, matched"]
    return _table(heads, rows)


def against_paper_traffic(results: Path) -> str:
    methods = load("traffic", results)
    rows = [
        [name, figure, student, _middle(methods[ours]["finals"])]
        for name, (figure, student, ours) in PUBLISHED_TRAFFIC.items()
    ]
    return _table(["Traffic", "paper", "a student reproduction", "here"], rows)


def _recorded(name: str, results: Path) -> str:
    found: dict[str, Any] = json.loads((results / f"{name}.json").read_text())
    return _table(found["columns"], found["rows"])


TABLES: dict[str, Callable[[Path], str]] = {
    "against-paper": against_paper,
    "against-paper-traffic": against_paper_traffic,
    **{
        name: lambda results, name=name: _recorded(name, results)  # type: ignore[misc]
        for name in ("probes", "interventions", "runtime")
    },
}


def _middle(finals: np.ndarray) -> str:
    return "{:.2f} [{:.2f}, {:.2f}]".format(iqm(finals), *interval(finals))


def _mean(finals: np.ndarray) -> str:
    error = finals.std(ddof=1) / len(finals) ** 0.5 if len(finals) > 1 else float("nan")
    return f"{finals.mean():.2f} ± {error:.2f}"


def _table(heads: Row, rows: list[Row]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
