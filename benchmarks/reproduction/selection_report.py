"""Tables and figure of ``docs/when_selection_pays.md``, from the recorded results alone."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reproduction.figures import millions, plt
from benchmarks.reproduction.selection import AGENTS, AXES, Point
from benchmarks.reproduction.statistics import interval, iqm, middle, steps_until
from benchmarks.reproduction.training import load

LABELS = {
    "distractors": "variables that have nothing to do with the task",
    "memory": "units of the memory",
    "horizon": "steps that a card must be remembered",
}
LEVEL = 0.5
"""Return whose first time counts as having learnt the task: three of four cards are named rightly."""
Methods = dict[str, dict[str, Any]]


def rows(axis: str, results: Path) -> list[list[str]]:
    """One axis: every point a row, the interquartile mean of every agent with its interval a cell."""
    return _rows(axis, load("selection", results), _final)


def samples(axis: str, results: Path) -> list[list[str]]:
    """One axis: the median over seeds of the environment steps until the return is `LEVEL`."""
    return _rows(axis, load("selection", results), _samples)


def heads(axis: str) -> list[str]:
    return [LABELS[axis], *(label for label, _ in AGENTS.values())]


def _rows(axis: str, methods: Methods, cell: Any) -> list[list[str]]:
    return [
        [str(at), *(cell(methods.get(f"{point.name}-{agent}")) for agent in AGENTS)]
        for at, point in AXES[axis].items()
        if any(f"{point.name}-{agent}" in methods for agent in AGENTS)
    ]


def _final(result: dict[str, Any] | None) -> str:
    return "" if result is None else middle(result["finals"])


def _samples(result: dict[str, Any] | None) -> str:
    if result is None:
        return ""
    return millions(steps_until(LEVEL, result["steps"], result["returns"]))


def figure(results: Path, file: Path) -> None:
    """A panel for each axis: final returns of every agent, with intervals, over what varies."""
    methods = load("selection", results)
    picture, panels = plt.subplots(1, len(AXES), figsize=(13, 4.2), layout="constrained", sharey=True)
    for axes, (axis, along) in zip(panels, AXES.items(), strict=True):
        for i, (agent, (label, _)) in enumerate(AGENTS.items()):
            found = [at for at, point in along.items() if f"{point.name}-{agent}" in methods]
            finals = [methods[f"{along[at].name}-{agent}"]["finals"] for at in found]
            _line(axes, [list(along).index(at) for at in found], finals, label, f"C{i}", agent)
        axes.set(xlabel=LABELS[axis], xticks=range(len(along)), xticklabels=list(along))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set(ylabel="return after training, 1 at most")
    panels[-1].legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    base = Point()
    picture.suptitle(
        f"RepeatPrevious; where not varied: {base.distractors} distractors, {base.hidden} units, 4 steps"
    )
    picture.savefig(file, dpi=110)
    plt.close(picture)


def _line(axes: Any, x: list[int], finals: list[np.ndarray], label: str, colour: str, agent: str) -> None:
    if not x:
        return
    middle = np.array([iqm(values) for values in finals])
    band = np.array([interval(values) for values in finals])
    style = "--" if agent.startswith("rnn") else "-"
    axes.errorbar(
        x,
        middle,
        np.abs(band.T - middle),
        fmt=f"o{style}",
        color=colour,
        label=label,
        ms=4,
        capsize=3,
        lw=1.2,
    )
