"""The host's loop of a run: call the compiled program, look at its numbers, keep what matters."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from iam_jax.checkpoint import Checkpoints, Progress
from iam_jax.config import Config
from iam_jax.display import Display
from iam_jax.evaluation import Evaluation
from iam_jax.learners import Learners
from iam_jax.metrics import Row, Sink, diverged, first_not_finite, join, summarise
from iam_jax.models.actor_critic import count_parameters
from iam_jax.pace import Pace
from iam_jax.sharding import largest
from iam_jax.stop import StopRequest
from iam_jax.sweep import label
from iam_jax.sweep_report import by_setting


class Training:
    """Trains the seeds of a run.

    Args:
      config: Of the run.
      learners: Its learners.
      evaluation: What plays them in between.
      checkpoints: Where states are kept.
      sinks: Where rows of metrics go.
      callback: Is called with each row, and stops the run by returning True.
      display: What a person sees.
      stop: Whether a signal asked to stop.
    """

    def __init__(
        self,
        config: Config,
        learners: Learners,
        evaluation: Evaluation,
        checkpoints: Checkpoints,
        sinks: list[Sink],
        callback: Callable[[Row], Any],
        display: Display,
        stop: StopRequest,
    ):
        self.config, self.learners, self.evaluation = config, learners, evaluation
        self.checkpoints, self.sinks, self.callback = checkpoints, sinks, callback
        self.display, self.stop = display, stop
        self.diverged = np.zeros(config.num_runs, bool)
        self._called_off = False

    def go_on(self, state: Any, progress: Progress) -> tuple[Any, Progress, str | None]:
        """Trains to the end, or until somebody asks to stop, and saves.

        A call of the program ends about every second, so that the wish to stop is soon heard. Numbers are
        looked at every `Config.updates_per_call` updates, wherever calls end, so that rows and evaluations
        do not depend on how fast the machine is.

        Returns:
          State and progress; and if the run cannot go on, why.
        """
        config, period = self.config, self.config.updates_per_call
        self.display.say(describe(config, self.learners, state))
        began = time.perf_counter()
        program = self.learners.compile(state)
        self.display.say(f"Compiled in {time.perf_counter() - began:.1f} s.")
        pace, last_saved, metrics = Pace(), time.monotonic(), []
        while progress.update < config.num_updates and not self.is_stopped():
            number = -largest(-pace.next(period - progress.update % period))  # the same in all processes
            with pace:
                state_after, numbers = program(state, number)
                metrics.append(self.learners.by_run(numbers, number))
            if reason := self._fault(metrics[-1], progress.update):
                if self.learners.actor.env.external:
                    self.checkpoints.save(state, progress)
                return state, progress, reason
            state = state_after
            progress = Progress(progress.update + number, progress.seconds + pace.seconds)
            due = progress.update % period == 0
            mean_return = None
            if due or self.is_stopped():
                rows, metrics = self._rows(join(metrics), progress), []
                self.display.show(rows, progress.seconds)
                if due and self._is_evaluation_due(progress.update):
                    mean_return = self._evaluate(rows, state, progress)
                self._write(rows)
            late = largest(time.monotonic() - last_saved > config.output.checkpoint_interval)
            if mean_return is not None or late:
                self.checkpoints.save(state, progress, mean_return)
                last_saved = time.monotonic()
        self.checkpoints.save(state, progress)
        return state, progress, None

    def is_stopped(self) -> bool:
        """Whether a signal or the callback asked to stop."""
        return bool(largest(self._called_off or self.stop.signal or 0))

    def _fault(self, metrics: dict[str, np.ndarray], done: int) -> str | None:
        """Why the numbers of a call are of no use, if they are not."""
        if failure := self.learners.actor.env.failure:
            return failure
        bad = first_not_finite(metrics)
        if bad is None:
            return None
        self.diverged = diverged(metrics)
        if self.config.sweep and not self.diverged.all():
            return None  # the other settings go on
        if not np.isfinite(metrics["reward"][:, bad]).all():
            return (
                f"The environment's reward was NaN or Inf in update {done + bad + 1}: mend the environment."
            )
        return (
            f"NaN or Inf in the loss or the parameters at update {done + bad + 1}. "
            "A smaller --learning-rate or --max-grad-norm may help."
        )

    def _rows(self, metrics: dict[str, np.ndarray], progress: Progress) -> list[Row]:
        return [
            {
                "seed": seed,
                **({"setting": label(setting)} if setting else {}),
                "update": progress.update,
                "step": progress.update * self.config.steps_per_update,
                "seconds": round(progress.seconds, 3),
                **summarise({name: x[i] for name, x in metrics.items()}),
            }
            for i, (seed, setting) in enumerate(zip(self.learners.seeds, self.learners.settings, strict=True))
        ]

    def _write(self, rows: list[Row]) -> None:
        for row in rows:
            for sink in self.sinks:
                sink.write(row)
            self._called_off |= bool(self.callback(row))

    def _is_evaluation_due(self, update: int) -> bool:
        """Whether one of the equally spaced evaluations falls between the last look and this one."""
        total, number = self.config.num_updates, self.config.output.num_evaluations
        before = update - self.config.updates_per_call
        return update * number // total > before * number // total

    def _evaluate(self, rows: list[Row], state: Any, progress: Progress) -> float | None:
        """Adds the runs' mean returns to their rows; and the number by which checkpoints are ranked."""
        config, episodes = self.config, self.config.output.eval_episodes
        result = self.evaluation(
            state.params, progress.update, episodes, stop=self.is_stopped, look=self.display.playing
        )
        if result is None:
            return None
        result = result.without(self.diverged)
        for row, returns in zip(rows, result.returns, strict=True):
            row["eval_return"] = float(returns.mean())
            row["eval_return_se"] = float(returns.std() / len(returns) ** 0.5)
        if not config.sweep:
            return result.mean
        # The best checkpoint of a sweep is where its best setting is best.
        return float(np.nanmax([ended.mean for ended in by_setting(config, result.returns.mean(1))]))


def describe(config: Config, learners: Learners, state: Any) -> str:
    """What is trained, and on what."""
    placement = learners.placement
    num_params = count_parameters(state.params) // config.num_runs
    seeds = f"{config.num_seeds} seed{'s' * (config.num_seeds > 1)}, " if config.num_runs > 1 else ""
    if config.sweep:
        seeds = f"{len(config.settings)} settings x {seeds}"
    devices = f"{placement.num_devices} x " if placement.num_devices > 1 else ""
    lines = [
        f"{config.env}, {config.preset} {config.model_label}: {seeds}{num_params:,} parameters, "
        f"{config.num_updates} updates of {config.steps_per_update} steps on "
        f"{devices}{jax.devices()[0].device_kind}"
    ]
    if not placement.over_runs and config.ppo.shuffle_groups % placement.num_devices:
        lines.append(
            "Minibatches take environments from all devices, which costs time; in a new run "
            f"--shuffle-groups {placement.num_devices} takes as many from each."
        )
    return "\n".join([*lines, "Compiling ..."])
