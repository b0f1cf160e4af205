"""What a person sees while a run goes on."""

import math
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from iam_jax.metrics import Row

SECONDS_BETWEEN_LINES = 5.0


class Display:
    """A live bar in a terminal, a line now and then elsewhere.

    Args:
      console: Where to write.
      total_steps: Environment steps of the whole run, over all seeds.
      done_steps: Those done before this process.
    """

    def __init__(self, console: Console, total_steps: int, done_steps: int = 0):
        self._console, self._total, self._begin = console, total_steps, done_steps
        self._last_line = -math.inf
        self._bar = Progress(
            TextColumn("{task.fields[text]}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total_steps, completed=done_steps, text="")

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def show(self, rows: list[Row], seconds: float) -> None:
        """The latest row of each seed.

        Args:
          rows: One per seed.
          seconds: Spent in this process on training, compilation not counted.
        """
        steps = rows[0]["step"] * len(rows)
        rate = (steps - self._begin) / seconds
        returns = [row["episode_return"] for row in rows]
        # Over episodes for one seed, over seeds for several.
        mean = sum(returns) / len(returns)
        spread = rows[0]["episode_return_std"] if len(rows) == 1 else _deviation(returns)
        score = "no episode yet" if math.isnan(mean) else f"return {mean:6.2f} ± {spread:.2f}"
        text = f"{steps / 1e6:7.2f}M steps  {rate:9,.0f} steps/s  {score}"
        self._bar.update(self._task, completed=steps, text=text)
        now = time.monotonic()
        done = steps >= self._total
        if not self._console.is_terminal and (done or now - self._last_line > SECONDS_BETWEEN_LINES):
            self._last_line = now
            left = (self._total - steps) / rate
            self.say(f"{text}  {100 * steps / self._total:5.1f}%  {left:5.0f} s left")


def _deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))
