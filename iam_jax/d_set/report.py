"""What a search found: a table, a picture of the loss against the number of variables, and JSON."""

import json
from pathlib import Path

from rich.table import Table

from iam_jax.d_set.search import Found

SHOWN = 8
"""Names of so many variables have room in the table."""


def table(found: Found) -> Table:
    """Every subset that was tried."""
    rows = Table(title=f"Not explained of {found.predicted}, by whose history is remembered")
    for name in ("variables", "not explained", "worse than the best", "s.e.", "which"):
        rows.add_column(name, justify="left" if name == "which" else "right")
    for tried in found.tried:
        is_answer = tried.names == found.variables
        which = ", ".join(tried.names[:SHOWN]) + (" ..." if len(tried.names) > SHOWN else "")
        numbers = (f"{tried.loss:.4f}", f"{tried.worse:.4f}", f"{tried.error:.4f}")
        rows.add_row(str(len(tried.names)), *numbers, which, style="bold" if is_answer else None)
    return rows


def draw(found: Found, env: str, file: Path) -> None:
    """The loss of every subset, with the answer marked."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    sizes = [len(tried.names) for tried in found.tried]
    loss = [tried.loss for tried in found.tried]
    error = [tried.error for tried in found.tried]
    axes.errorbar(sizes, loss, error, marker="o", capsize=3, label="± one standard error")
    axes.axhline(min(loss), color="grey", linewidth=0.8, linestyle="--", label="the best")
    axes.axvline(len(found.variables), color="tab:red", linewidth=0.8, label="the smallest that does as well")
    axes.set_xscale("symlog", base=2, linthresh=1)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set(xlabel="variables whose history is remembered", ylabel="share not explained")
    axes.set_title(f"{env}: predicting {found.predicted}, policy: {found.policy}")
    axes.legend()
    figure.savefig(file, dpi=150)


def write(found: Found, env: str, file: Path) -> None:
    """Everything, as JSON."""
    tried = [row._asdict() for row in found.tried]
    content = {"env": env, **found._asdict(), "tried": tried, "options": found.options}
    file.write_text(json.dumps(content, indent=2) + "\n")
