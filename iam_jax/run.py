"""A training run and its folder, from the first state to the report."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from iam_jax import stored
from iam_jax.agent import Agent, of_runs
from iam_jax.build import make_learner
from iam_jax.checkpoint import Checkpoints, Progress, Which
from iam_jax.config import Config, ConfigError
from iam_jax.display import Display
from iam_jax.evaluation import Evaluation
from iam_jax.folder import check_folder
from iam_jax.learners import Learners
from iam_jax.metrics import Row, check_extras, finite_or_none, open_sinks, read_rows
from iam_jax.models.actor_critic import count_parameters
from iam_jax.opening import read_params
from iam_jax.play import Result
from iam_jax.precision import settled
from iam_jax.report import report
from iam_jax.room import check_room, param_shapes
from iam_jax.sharding import count_devices, is_first_process, largest
from iam_jax.stop import StopRequest
from iam_jax.sweep_report import report_sweep
from iam_jax.swept_env import swept_params
from iam_jax.terminal import command
from iam_jax.training import Training

FINAL = "final.json"
"""What the last evaluation found, in the folder of a run."""
Callback = Callable[[Row], Any]


@dataclasses.dataclass(frozen=True)
class Finished:
    """The run came to its end; ``result`` is the evaluation of its last parameters, returns [S, episodes]."""

    result: Result


@dataclasses.dataclass(frozen=True)
class Stopped:
    """Somebody asked to stop, and the run is saved. ``signal``: which one, or None for the callback."""

    signal: int | None


@dataclasses.dataclass(frozen=True)
class Failed:
    """The run cannot go on; ``reason`` says why, and its last checkpoint is kept."""

    reason: str


Outcome = Finished | Stopped | Failed


class Run:
    """One training run in one folder, which holds ``config.json``, metrics and checkpoints.

    Nothing is written before `train`.

    Args:
      config: All its choices.
      run_dir: Its folder.
      env: The environment, where the config has only its name; see `iam_jax.train`.
      console: Where to print; by default nowhere.
      callback: Is called with each row of metrics, and stops the run by returning True.

    Attributes:
      outcome: What `train` returned, or None before.

    Raises:
      ConfigError: A choice cannot work; the message says what to change.
    """

    def __init__(
        self,
        config: Config,
        run_dir: str | Path,
        *,
        env: Any = None,
        console: Console | None = None,
        callback: Callback = lambda row: False,
    ):
        if jax.config.jax_enable_x64:  # type: ignore[attr-defined]
            raise ConfigError("Training computes in float32: unset JAX_ENABLE_X64.")
        config = settled(config)
        self.config, self.run_dir = config, Path(run_dir)
        self.console = Console(quiet=True) if console is None else console
        self.callback = callback
        self.outcome: Outcome | None = None
        check_extras(config)
        check_folder(self.run_dir)
        num_devices = count_devices(config)
        learner = make_learner(config, given=env)
        self._env_params = swept_params(config, given=env)
        is_external = learner.actor.env.external
        if is_external and num_devices > 1:
            raise ConfigError(f"{config.env} is played outside of JAX, by one process with one device.")
        check_room(config, learner.actor, num_devices)
        self.learners = Learners(learner, config, num_devices, self._env_params)
        self._begin_with = None
        if config.init_from is not None:
            shapes = param_shapes(config, learner.actor)
            self._begin_with, _ = read_params(config.init_from, shapes, "best", self._say)
        player = Learners(make_learner(config, given=env), config) if is_external else self.learners
        self.evaluation = Evaluation(player, config.output.max_eval_steps)

    @property
    def agent(self) -> Agent:
        """The agent of the first seed at its best evaluation, as `iam_jax.load` finds it; of a sweep, that of
        the setting that ended best.
        """
        agents, winner = self.agents(), stored.load_winner(self.run_dir)
        return next((agent for agent in agents if agent.setting == winner), agents[0])

    def agents(self, which: Which = "best") -> list[Agent]:
        """The agents of all settings and seeds, from the best checkpoint or the last one."""
        actor = self.evaluation.learners.actor
        params, progress = Checkpoints(self.run_dir).restore_params(
            param_shapes(self.config, actor), which, self._say
        )
        return of_runs(self.config, actor, params, progress, self._env_params)

    @property
    def rows(self) -> list[Row]:
        """The metrics so far, a row for each seed and look."""
        return read_rows(self.run_dir / "metrics.jsonl")

    def train(self, *, resume: bool = False) -> Outcome:
        """Trains to the end and reports.

        Args:
          resume: Go on with the run in the folder; begin if it was killed before its first checkpoint.
        """
        config = self.config
        if is_first_process() and not resume:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            stored.save(config, self.run_dir)
        checkpoints = Checkpoints(self.run_dir)
        state, progress = self._state(checkpoints, resume)
        sinks = open_sinks(self.run_dir, config, progress.update) if is_first_process() else []
        each = config.steps_per_update * config.num_runs
        display = Display(self.console, config.num_updates * each, progress.update * each, progress.seconds)
        try:
            with StopRequest() as stop, display:
                training = Training(
                    config, self.learners, self.evaluation, checkpoints, sinks, self.callback, display, stop
                )
                self._say(f"Writing to {self.run_dir}")
                state, progress, fault = training.go_on(state, progress)
                result = None
                if fault is None and progress.update == config.num_updates:
                    result = self._last_evaluation(state, progress, training)
            self.outcome = self._outcome(state, fault, result, stop, checkpoints)
        finally:
            for sink in sinks:
                sink.close()
            self.learners.actor.env.close()
            self.evaluation.learners.actor.env.close()
        return self.outcome

    def _state(self, checkpoints: Checkpoints, resume: bool) -> tuple[Any, Progress]:
        """What the run begins or goes on with; from now on there is always a checkpoint to go back to."""
        if resume and checkpoints.updates():
            state, progress = checkpoints.restore(self.learners.shapes(), "last", self._say)
            if is_first_process():
                checkpoints.set_aside_after(progress.update)
            if self.learners.actor.env.external:
                state = self.learners.restart(state)
                self._say("The games under way cannot be stored: training goes on with new ones.")
            return state, progress
        state, progress = self.learners.init(), Progress(update=0)
        if self._begin_with is not None:
            places = jax.tree.map(lambda x: x.sharding, state.params)
            state = state.replace(params=jax.device_put(self._begin_with, places))
        checkpoints.save(state, progress)
        return state, progress

    def _last_evaluation(self, state: Any, progress: Progress, training: Training) -> Result | None:
        config = self.config
        steps = progress.update * config.steps_per_update * config.num_runs
        self._say(
            f"{steps:,} environment steps in {progress.seconds:.0f} s of training: "
            f"{steps / progress.seconds:,.0f} steps/s (compilation not counted)."
        )
        result = self.evaluation(
            state.params,
            config.num_updates + 1,
            config.output.final_episodes,
            stop=training.is_stopped,
            look=training.display.playing,
        )
        return None if result is None else result.without(training.diverged)

    def _outcome(
        self,
        state: Any,
        fault: str | None,
        result: Result | None,
        stop: StopRequest,
        checkpoints: Checkpoints,
    ) -> Outcome:
        if fault is not None:
            kept = f"Kept: the checkpoint of update {checkpoints.updates()[0]}."
            self.console.print(f"error: {fault} {kept}", style="red", soft_wrap=True, highlight=False)
            return Failed(fault)
        if result is None:
            self._say(
                f"Stopped and saved. Go on with: {command('iam_jax.train', '--resume', str(self.run_dir))}"
            )
            return Stopped(largest(stop.signal or 0) or None)
        if is_first_process():
            self._write_final(result, count_parameters(state.params) // self.config.num_runs)
            if self.config.sweep:
                report_sweep(self.console, self.config, self.run_dir, result)
            else:
                report(self.console, self.config, self.run_dir, result)
        return Finished(result)

    def _write_final(self, result: Result, parameters: int) -> None:
        """What the run ended with, of each seed: mean return of the last parameters, and standard error."""
        returns = result.returns
        final = {
            "seeds": self.learners.seeds,
            **({"settings": self.learners.settings} if self.config.sweep else {}),
            "parameters": parameters,
            "episodes": returns.shape[1],
            "unfinished": result.unfinished,
            "returns": [finite_or_none(x) for x in returns.mean(1)],
            "se": [finite_or_none(x) for x in returns.std(1) / returns.shape[1] ** 0.5],
        }
        (self.run_dir / FINAL).write_text(json.dumps(final) + "\n", encoding="utf-8")

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)
