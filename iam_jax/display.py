"""What a person sees while a run goes on."""

import math
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from iam_jax.metrics import Row

LINES = 30
"""In a log, over a whole run."""
SECONDS_BETWEEN_LINES = 2.0
"""In a log, at least."""
PATIENCE = 5.0
"""Seconds for which an evaluation may go on before it says how far it is."""


class Display:
    """A live bar in a terminal, a line now and then elsewhere.

    Args:
      console: Where to write.
      total_steps: Environment steps of the whole run, over all seeds.
      done_steps: Those done before this process.
      done_seconds: Of training, before this process.
    """

    def __init__(self, console: Console, total_steps: int, done_steps: int = 0, done_seconds: float = 0.0):
        self._console, self._total = console, total_steps
        self._steps, self._seconds, self._rate = done_steps, done_seconds, math.nan
        self._next_line, self._last_line = float(done_steps), -math.inf
        self._evaluating_since = 0.0
        self._bar = Progress(
            TextColumn("{task.fields[text]}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total_steps, completed=done_steps, text="", left="")

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def show(self, rows: list[Row], seconds: float) -> None:
        """The latest row of each run.

        Args:
          rows: One per run.
          seconds: Of training so far, compilation and evaluations not counted.
        """
        steps = rows[0]["step"] * len(rows)
        rate = self._current_rate(steps, seconds)
        returns = [row["episode_return"] for row in rows]
        mean = sum(returns) / len(returns)
        if len(rows) == 1:
            spread = f"(episodes' deviation {rows[0]['episode_return_std']:.2f})"
        else:
            what = "runs" if "setting" in rows[0] else "seeds"
            spread = f"({what}' deviation {_deviation(returns):.2f})"
        score = "no episode yet" if math.isnan(mean) else f"return {mean:6.2f} {spread}"
        text = f"{steps / 1e6:7.2f}M steps  {rate:9,.0f} steps/s  {score}"
        left = _duration((self._total - steps) / rate)
        self._bar.update(self._task, completed=steps, text=text, left=f"{left} left")
        self._evaluating_since = 0.0
        if not self._console.is_terminal and self._is_line_due(steps):
            self.say(f"{text}  {100 * steps / self._total:5.1f}%  {left} left")

    def playing(self, done: int, episodes: int) -> None:
        """How far an evaluation is; said only if it takes long."""
        now = time.monotonic()
        self._evaluating_since = self._evaluating_since or now
        if done == episodes:
            self._evaluating_since = 0.0
        elif now - self._evaluating_since > PATIENCE:
            self._evaluating_since = now
            self.say(f"Evaluating: {done} of {episodes} episodes have ended.")

    def _current_rate(self, steps: int, seconds: float) -> float:
        """Steps/s since the last look, smoothed over some looks."""
        rate = (steps - self._steps) / max(seconds - self._seconds, 1e-9)
        self._steps, self._seconds = steps, seconds
        self._rate = rate if math.isnan(self._rate) else 0.7 * self._rate + 0.3 * rate
        return self._rate

    def _is_line_due(self, steps: int) -> bool:
        now = time.monotonic()
        quiet = steps < self._next_line or now - self._last_line < SECONDS_BETWEEN_LINES
        if quiet and steps < self._total:
            return False
        self._next_line, self._last_line = steps + self._total / LINES, now
        return True


def _deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def _duration(seconds: float) -> str:
    """Whole seconds up to ten minutes, then minutes, then hours."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
