"""The end of a run: a table beside the reference policies, and the learning curve."""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from envs_jax import registered
from envs_jax.reference import recorded
from iam_jax.config import Config
from iam_jax.metrics import Row, read_rows
from iam_jax.play import Result
from iam_jax.terminal import command

FEEDFORWARD = Path(__file__).with_name("feedforward_returns.json")
"""Final returns of `--model fnn`, and the command that made each."""


def report(console: Console, config: Config, run_dir: Path, result: Result) -> None:
    """Prints the final table and draws ``learning_curve.png``.

    Args:
      console: Where to print.
      config: Of the run.
      run_dir: Its folder.
      result: Of the final evaluation, returns [S, episodes].
    """
    references = recorded(config.env, config.env_arguments())
    learnt = feedforward(config) if config.model.kind != "fnn" else {}
    table = Table("agent", "mean return", "s.e. of the mean")
    means = result.returns.mean(1)
    rows = [
        (f"{config.model_label}, seed {config.seed + i}", mean, seed.std() / len(seed) ** 0.5, "bold")
        for i, (mean, seed) in enumerate(zip(means, result.returns, strict=True))
    ]
    if len(means) > 1:
        across = means.std(ddof=1) / len(means) ** 0.5
        rows.append((f"{config.model_label}, mean of {len(means)} seeds", means.mean(), across, "bold"))
    rows += [(name, mean, error, "dim") for name, (mean, error) in (references | learnt).items()]
    for name, mean, error, style in sorted(rows, key=lambda row: -row[1]):
        table.add_row(name, f"{mean:.2f}", f"{error:.2f}", style=style)

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    settings = " ".join([config.env, *config.env_args])
    say(f"{settings}, {result.returns.shape[1]} episodes of each seed with its last parameters:")
    console.print(table)
    if result.unfinished:
        say(
            f"{result.unfinished} episodes were cut after --max-eval-steps {config.output.max_eval_steps}, "
            "and count with what they had earned."
        )
    if config.env in registered() and not references:
        say(f"What policies without learning earn here: {command('envs_jax.reference', *settings.split())}")
    curve = run_dir / "learning_curve.png"
    by_seed: dict[str, list[Row]] = defaultdict(list)
    for row in read_rows(run_dir / "metrics.jsonl"):
        by_seed[f"seed {row['seed']}"].append(row)
    title = f"{settings}, {config.preset} {config.model_label}"
    draw_curves(by_seed, references | learnt, curve, title)
    say(f"Learning curve: {curve}")
    play = command("iam_jax.evaluate", "--checkpoint", str(run_dir))
    say(f"Play its best checkpoint, and film an episode as a GIF: {play}")


def feedforward(config: Config) -> dict[str, tuple[float, float]]:
    """What an agent without memory learnt to earn in this environment, where that is recorded."""
    label = " ".join([config.env, *config.env_args])
    found = json.loads(FEEDFORWARD.read_text(encoding="utf-8"))["returns"].get(label)
    if found is None:
        return {}
    seeds = len(found["seeds"])
    name = f"feedforward agent ({found['steps'] / 1e6:g}M steps, {seeds} seed{'s' * (seeds > 1)})"
    return {name: (found["mean"], found["se"])}


def draw_curves(
    curves: dict[str, list[Row]], references: dict[str, tuple[float, float]], file: Path, title: str
) -> None:
    """Returns over environment steps, a colour per name; dots are evaluations, dotted lines references."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
    for i, (name, rows) in enumerate(curves.items()):
        for j, seed in enumerate(sorted({row["seed"] for row in rows})):
            label = name if j == 0 else None
            _draw_seed(axes, [row for row in rows if row["seed"] == seed], color=f"C{i}", label=label)
    axes.plot([], [], color="0.5", alpha=0.5, lw=1, label="pale: episodes of training")
    axes.errorbar([], [], [], color="0.5", fmt="o-", ms=3, label="dots: evaluations ± s.e.")
    seen = [r["eval_return"] for rows in curves.values() for r in rows if "eval_return" in r]
    if seen:  # what matters is at the top: neither the first steps nor a weak policy may squeeze it
        margin = 0.25 * (max(seen) - min(seen)) + 0.02 * abs(max(seen)) + 1e-3
        bottom = min(seen) - margin
        axes.set_ylim(bottom, max([*seen, *(m for m, _ in references.values())]) + margin)
        trained = [r["episode_return"] for rows in curves.values() for r in rows]
        if any(x is not None and x < bottom for x in trained):
            axes.annotate(
                f"below {bottom:.0f} not shown",
                (0.01, 0.01),
                xycoords="axes fraction",
                fontsize=7,
                color="0.4",
            )
    _draw_references(axes, references)
    axes.set(xlabel="million environment steps", ylabel="undiscounted return of an episode", title=title)
    axes.legend(loc="lower right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=130)
    plt.close(figure)


def _draw_references(axes: Any, references: dict[str, tuple[float, float]]) -> None:
    """A dotted line for each, and its name at the right, far enough above the one below to read both."""
    bottom, top = axes.get_ylim()
    shown = sorted((mean, name) for name, (mean, _) in references.items() if mean > bottom)
    above = -math.inf
    for mean, name in shown:
        above = max(mean, above + (top - bottom) / 30)
        axes.axhline(mean, color="0.5", lw=0.8, ls=":")
        axes.annotate(
            f"{name} {mean:.1f}",
            (1.01, above),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7,
            color="0.4",
            annotation_clip=False,
        )


def _draw_seed(axes: Any, rows: list[Row], *, color: str, label: str | None) -> None:
    trained = [(r["step"] / 1e6, r["episode_return"]) for r in rows if r["episode_return"] is not None]
    played = [r for r in rows if "eval_return" in r]
    if trained:
        axes.plot(*zip(*trained, strict=True), color=color, alpha=0.5, lw=1)
    axes.errorbar(
        [r["step"] / 1e6 for r in played],
        [r["eval_return"] for r in played],
        [r["eval_return_se"] for r in played],
        color=color,
        fmt="o-",
        ms=3,
        label=label,
    )
