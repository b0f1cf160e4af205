"""Curves of the recorded throughputs: ``python -m benchmarks.plot_throughput``.

Reads ``benchmarks/results/{env,train}_throughput.json`` and writes
``docs/images/{env,train}_throughput.png``.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

ROOT = Path(__file__).parent.parent


def draw(kind: str, key: Callable[[dict[str, Any]], str], label: str) -> None:
    """Steps per second over the number of environments, one line for each ``key`` of a row."""
    results = json.loads((ROOT / f"benchmarks/results/{kind}_throughput.json").read_text())
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in results["rows"]:
        lines.setdefault(key(row), []).append(row)
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for i, (name, rows) in enumerate(lines.items()):
        x, rates = [row["num_envs"] for row in rows], [row["steps_per_second"] for row in rows]
        middle = [rate["median"] for rate in rates]
        style = {"color": f"C{i % 10}", "linestyle": "-" if i < 10 else "--"}
        axes.plot(x, middle, marker=".", label=name, **style)
        axes.fill_between(
            x, [r["low"] for r in rates], [r["high"] for r in rates], alpha=0.15, color=f"C{i % 10}"
        )
    axes.set(xscale="log", yscale="log", xlabel="environments", ylabel="environment steps / s")
    axes.set_title(
        f"{label}, {results['cpu']}, {results['cores']} cores, jax {results['jax']} on {results['device']}"
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(ROOT / f"docs/images/{kind}_throughput.png", dpi=110)


def main() -> None:
    draw("env", lambda row: row["env"], "Environments alone, random actions")
    draw(
        "train",
        lambda row: ":".join(filter(None, (row["model"], row.get("d_set")))),
        "Training on the Warehouse",
    )


if __name__ == "__main__":
    main()
