"""Figures of ``docs/reproduction.md``, from the recorded results alone."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.reproduction.experiment import Experiment
from benchmarks.reproduction.statistics import interval, iqm
from envs_jax.reference import recorded
from iam_jax.stored import from_dict

Methods = dict[str, dict[str, Any]]


def references(methods: Methods) -> dict[str, tuple[float, float]]:
    """What policies without learning earn where these were trained: name -> mean and standard error."""
    config = from_dict(next(iter(methods.values()))["runs"][0]["config"])
    return recorded(config.env, config.env_arguments())


def millions(steps: float) -> str:
    """Environment steps, short; "never" where they are infinite."""
    return f"{steps / 1e6:.2f}M" if np.isfinite(steps) else "never"


def curves(what: Experiment, methods: Methods, file: Path) -> None:
    """Interquartile mean over seeds, with its interval, at every evaluation in training."""
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    shown = [name for name in what.methods if name in methods]
    # With more methods than colours, a cell has one: dashed as rnn, and else with a d-set.
    kinds = shown if len(shown) <= 10 else list(dict.fromkeys(name.partition("-")[2] for name in shown))
    for name in shown:
        method, i = methods[name], kinds.index(name if kinds is shown else name.partition("-")[2])
        x, returns = method["steps"] / 1e6, method["returns"]
        middle = iqm(returns, axis=0)
        band = np.array([interval(column) for column in returns.T])
        style = {"color": f"C{i % 10}", "linestyle": "--" if name.startswith(("rnn", "fnn")) else "-"}
        axes.plot(x, middle, label=f"{method['label']} ({len(returns)})", lw=1.5, **style)
        axes.fill_between(x, *band.T, color=f"C{i % 10}", alpha=0.15, lw=0)
    tops = np.concatenate([m["returns"].ravel() for m in methods.values()])
    lines = references(methods)
    low, high = np.quantile(tops, 0.2), max([tops.max(), *(mean for mean, _ in lines.values())])
    axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    _draw_references(axes, lines, fontsize=7)
    axes.set(xlabel="million environment steps", ylabel="return, 256 episodes or fewer", title=what.title)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8, title="(seeds)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _draw_references(axes: Any, lines: dict[str, tuple[float, float]], fontsize: float | None) -> None:
    """Dotted lines above the lower edge; their names where they have a size."""
    for name, (mean, _) in lines.items():
        if axes.get_ylim()[0] < mean:
            axes.axhline(mean, color="0.5", lw=0.8, ls=":")
            if fontsize:
                axes.text(
                    0.01, mean, name, transform=axes.get_yaxis_transform(), fontsize=fontsize, va="bottom"
                )


PANELS = {"memory": "units of the memory", "bptt": "steps that gradients go through", "frames": "frames seen"}


def ablations(methods: Methods, file: Path) -> None:
    """Final returns over one number at a time, and for the choices of a d-set."""
    figure, panels = plt.subplots(1, 4, figsize=(13, 3.8), layout="constrained", sharey=True)
    for axes, (prefix, label) in zip(panels, PANELS.items(), strict=False):
        found = {int(n.split("-")[1]): m["finals"] for n, m in methods.items() if n.startswith(f"{prefix}-")}
        x = sorted(found)
        _points(axes, x, [found[n] for n in x])
        axes.set(xscale="log", xlabel=label, xticks=x, xticklabels=x)
        axes.minorticks_off()
    names = {"d-set-wrong": "wrong", "d-set-half": "half", "memory-64": "published", "d-set-all": "all"}
    found_names = [n for n in names if n in methods]
    _points(panels[3], range(len(found_names)), [methods[n]["finals"] for n in found_names], line=False)
    panels[3].set(xlabel="d-set", xticks=range(len(found_names)), xticklabels=[names[n] for n in found_names])
    lines = references(methods)
    for axes in panels:
        _draw_references(axes, lines, fontsize=6 if axes is panels[0] else None)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set(ylabel="return after training")
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _points(axes: Any, x: Any, finals: list[np.ndarray], *, line: bool = True) -> None:
    """Every seed, and their interquartile mean with its interval."""
    for at, values in zip(x, finals, strict=True):
        axes.plot([at] * len(values), values, ".", color="0.7", ms=4)
    middle = np.array([iqm(values) for values in finals])
    band = np.array([interval(values) for values in finals])
    axes.errorbar(
        x, middle, np.abs(band.T - middle), fmt="o-" if line else "o", color="C0", ms=4, capsize=3, lw=1.2
    )
