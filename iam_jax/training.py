"""The host's side of a run: call the compiled program, look at its numbers, keep what matters."""

import dataclasses
import json
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console

from iam_jax.build import is_external, make_learner
from iam_jax.checkpoint import Checkpoints, Progress
from iam_jax.config import Config, ConfigError
from iam_jax.display import Display
from iam_jax.learners import Learners
from iam_jax.metrics import Row, Sink, first_not_finite, open_sinks, summarise
from iam_jax.models.actor_critic import count_parameters
from iam_jax.play import episode_returns
from iam_jax.report import report
from iam_jax.sharding import count_devices, is_first_process, largest

EVALUATION_STREAM = 0x6576616C
"""Folded into the seed's key for evaluation. Large, because ``fold_in(key, i) == split(key)[i]``."""
FINAL = "final.json"
"""What the last evaluation found, in the folder of a run."""


class StopRequest:
    """Notes Ctrl-C and SIGTERM instead of raising; a second one raises as usual."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __enter__(self) -> "StopRequest":
        self._before = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        print("Stopping after this call; once more to stop at once.", file=sys.stderr)


class Run:
    """One training run in one folder."""

    def __init__(self, config: Config, run_dir: Path, console: Console):
        self.config, self.run_dir, self.console = config, run_dir, console
        num_devices = count_devices(config)
        self.learners = Learners(make_learner(config), config, num_devices)
        self._is_external = is_external(self.learners.actor.env)
        if self._is_external and num_devices > 1:
            raise ConfigError(f"{config.env} is played outside of JAX, by one process with one device.")
        # Emulators of its own: an evaluation must not disturb the games that training is in.
        self._player = Learners(make_learner(config), config) if self._is_external else self.learners
        self._evaluate = self._evaluation(config.output.eval_episodes)

    def train(self, *, resume: bool) -> int:
        """Trains to the end and reports.

        Returns:
          Exit status: 0, 1 where a number was not finite, 128 + signal where one asked to stop.
        """
        checkpoints = Checkpoints(self.run_dir)
        if resume:
            state, progress = checkpoints.restore(self.learners.shapes())
            if self._is_external:
                state = self.learners.restart(state)
                self.console.print("The games under way cannot be stored: training goes on with new ones.")
        else:
            state, progress = self.learners.init(), Progress(update=0)
            checkpoints.save(state, progress)  # from now on there is always one to go back to
        sinks = open_sinks(self.run_dir, self.config, progress.update) if is_first_process() else []
        try:
            with StopRequest() as stop:
                state, status = self._loop(state, progress, checkpoints, sinks, stop)
        finally:
            for sink in sinks:
                sink.close()
        if status == 0:
            play = self._evaluation(self.config.output.final_episodes)
            returns = np.asarray(play(state.params, self._evaluation_key(self.config.num_updates + 1)))
            if is_first_process():
                self._write_final(returns, count_parameters(state.params) // self.config.num_seeds)
                report(self.console, self.config, self.run_dir, returns)
        return status

    def _loop(
        self,
        state: Any,
        progress: Progress,
        checkpoints: Checkpoints,
        sinks: list[Sink],
        stop: StopRequest,
    ) -> tuple[Any, int]:
        config = self.config
        self.console.print(self._describe(state), highlight=False, soft_wrap=True)
        began = time.perf_counter()
        program = self.learners.compile(state)
        compile_seconds = time.perf_counter() - began
        steps_per_update = config.steps_per_update * config.num_seeds
        display = Display(
            self.console, config.num_updates * steps_per_update, progress.update * steps_per_update
        )
        seconds_before, last_saved = progress.seconds, time.monotonic()
        with display:
            display.say(f"Compiled in {compile_seconds:.1f} s. Writing to {self.run_dir}")
            while progress.update < config.num_updates and not (signal_ := largest(stop.signal or 0)):
                began = time.perf_counter()
                state, metrics = program(state)
                metrics = self.learners.by_seed(metrics)
                seconds = progress.seconds + time.perf_counter() - began
                bad = first_not_finite(metrics)
                if bad is not None:
                    return state, self._stop_at_bad_number(progress.update + bad + 1, checkpoints)
                progress = dataclasses.replace(
                    progress, update=progress.update + config.updates_per_call, seconds=seconds
                )
                rows = self._rows(metrics, progress)
                display.show(rows, seconds - seconds_before)
                mean_return = None
                if self._is_evaluation_due(progress.update):
                    returns = self._evaluate(state.params, self._evaluation_key(progress.update))
                    mean_return = self._add_evaluation(rows, np.asarray(returns))
                for sink in sinks:
                    for row in rows:
                        sink.write(row)
                late = largest(time.monotonic() - last_saved > config.output.checkpoint_interval)
                if mean_return is not None or late:
                    checkpoints.save(state, progress, mean_return)
                    last_saved = time.monotonic()
        checkpoints.save(state, progress)
        if progress.update < config.num_updates:
            resume = f"python -m iam_jax.train --resume {self.run_dir}"
            self.console.print(f"Stopped and saved. Go on with: {resume}", soft_wrap=True)
            return state, 128 + signal_
        steps = progress.update * steps_per_update
        self.console.print(
            f"{steps:,} environment steps in {progress.seconds:.0f} s of training: "
            f"{steps / progress.seconds:,.0f} steps/s "
            "(num_seeds * num_envs * num_steps * updates / seconds, compilation not counted).",
            highlight=False,
        )
        return state, 0

    def _describe(self, state: Any) -> str:
        config, placement = self.config, self.learners.placement
        num_params = count_parameters(state.params) // config.num_seeds
        seeds = f"{config.num_seeds} seeds, " if config.num_seeds > 1 else ""
        devices = f"{placement.num_devices} x " if placement.num_devices > 1 else ""
        lines = [
            f"{config.env}, {config.preset} {config.model}: {seeds}{num_params:,} parameters, "
            f"{config.num_updates} updates of {config.steps_per_update} steps on "
            f"{devices}{jax.devices()[0].device_kind}"
        ]
        if not placement.over_seeds and config.ppo.shuffle_groups % placement.num_devices:
            lines.append(
                "Minibatches take environments from all devices, which costs time; in a new run "
                f"--shuffle-groups {placement.num_devices} takes as many from each."
            )
        return "\n".join([*lines, "Compiling ..."])

    def _rows(self, metrics: dict[str, np.ndarray], progress: Progress) -> list[Row]:
        return [
            {
                "seed": seed,
                "update": progress.update,
                "step": progress.update * self.config.steps_per_update,
                "seconds": round(progress.seconds, 3),
                **summarise({name: x[i] for name, x in metrics.items()}),
            }
            for i, seed in enumerate(self.learners.seeds)
        ]

    def _write_final(self, returns: np.ndarray, parameters: int) -> None:
        """What the run ended with, of each seed: mean return of the last parameters, and standard error."""
        final = {
            "seeds": list(self.learners.seeds),
            "parameters": parameters,
            "episodes": returns.shape[1],
            "returns": returns.mean(1).astype(float).round(4).tolist(),
            "se": (returns.std(1) / returns.shape[1] ** 0.5).astype(float).round(4).tolist(),
        }
        (self.run_dir / FINAL).write_text(json.dumps(final) + "\n")

    def _evaluation(self, episodes: int) -> Any:
        play = partial(episode_returns, actor=self._player.actor, episodes=episodes)
        return self._player.map_seeds(play)

    def _evaluation_key(self, update: int) -> jax.Array:
        stream = jax.random.fold_in(jax.random.key(self.config.seed), EVALUATION_STREAM)
        return jax.random.fold_in(stream, update)

    def _is_evaluation_due(self, update: int) -> bool:
        """Whether one of the equally spaced evaluations falls into the call that just ended."""
        total, number = self.config.num_updates, self.config.output.num_evaluations
        before = update - self.config.updates_per_call
        return update * number // total > before * number // total

    @staticmethod
    def _add_evaluation(rows: list[Row], returns: np.ndarray) -> float:
        for row, seed_returns in zip(rows, returns, strict=True):
            row["eval_return"] = float(seed_returns.mean())
            row["eval_return_se"] = float(seed_returns.std() / len(seed_returns) ** 0.5)
        return float(returns.mean())

    def _stop_at_bad_number(self, update: int, checkpoints: Checkpoints) -> int:
        self.console.print(
            f"error: NaN or Inf in the loss or the parameters at update {update}. "
            f"Kept: the checkpoint of update {checkpoints.last_update()}. "
            "A smaller --learning-rate or --max-grad-norm may help.",
            style="red",
            soft_wrap=True,
        )
        return 1
