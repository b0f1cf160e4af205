"""One learner for one run or, vmapped, for many: several seeds, and the settings of a sweep."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import numpy as np

from iam_jax.config import Config
from iam_jax.ppo.learner import Learner, TrainState
from iam_jax.sharding import Placement
from iam_jax.sweep import ENV


class Program(NamedTuple):
    """The compiled program that runs some updates; called, it returns the state after them and metrics."""

    compiled: Any

    def __call__(self, state: TrainState, num_updates: int) -> tuple[TrainState, Any]:
        return self.compiled(state, np.int32(num_updates))


class Swept(NamedTuple):
    """What differs between the runs of a sweep, [S] each.

    Attributes:
      numbers: Of the learner, name -> float32[S].
      env_params: All numbers of the environment, or None where none is swept.
    """

    numbers: dict[str, Any]
    env_params: Any = None


class Learners:
    """Runs a `Learner` on the settings and seeds of a config: S runs, the seeds of the first setting first.

    With one run, states have no run axis: a vmapped `jax.lax.cond` computes both branches, which
    a single run need not pay for. Metrics and returns always have one, of S runs.

    Args:
      learner: The learner.
      config: Its config, for the settings and the seeds.
      num_devices: Over which they are spread, or their environments.
      env_params: Of each setting, where the environment's are swept; see `iam_jax.build.swept_params`.
    """

    def __init__(self, learner: Learner, config: Config, num_devices: int = 1, env_params: Any = None):
        self.learner, self.actor = learner, learner.actor
        self.placement = Placement(config, num_devices)
        seeds = range(config.seed, config.seed + config.num_seeds)
        self.settings = [setting for setting in config.settings for _ in seeds]
        self.seeds = [seed for _ in config.settings for seed in seeds]
        self._many = config.num_runs > 1
        each = lambda x: np.repeat(np.asarray(x), config.num_seeds, axis=0)  # noqa: E731
        numbers = {
            option: each([np.float32(setting[option]) for setting in config.settings])
            for option in config.settings[0]
            if not option.startswith(ENV)
        }
        self._swept = Swept(numbers, jax.tree.map(each, env_params))
        self._seeds = np.array(self.seeds) if self._many else np.array(self.seeds[0])
        self._most, self._at_once = config.updates_per_call, config.hardware.at_once

    def init(self) -> TrainState:
        """Fresh states; seed s begins as a single run with ``--seed s`` does."""
        return jax.jit(self._init, out_shardings=self._shardings)(self._seeds)

    def restart(self, state: TrainState) -> TrainState:
        """See `Learner.restart`."""
        return jax.jit(self.learner.restart, out_shardings=self._shardings)(state)

    def shapes(self) -> TrainState:
        """Shapes and places of what `init` returns, without computing it."""
        return jax.tree.map(
            lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place),
            self._shapes,
            self._shardings,
        )

    def compile(self, state: TrainState) -> Program:
        """The program that runs a number of updates, ``updates_per_call`` at most, and consumes its state.

        A state whose environments are outside of JAX is not consumed: where they fail, it is what is left.
        """
        program = jax.jit(
            self._run,
            donate_argnums=() if self.actor.env.external else 0,
            in_shardings=(self._shardings, self.placement.everywhere),
            out_shardings=(self._shardings, self.placement.everywhere),
        )
        return Program(program.lower(state, np.int32(0)).compile())

    def by_run(self, metrics: Any, num_updates: int) -> dict[str, np.ndarray]:
        """Metrics on the host, [S, updates] each."""
        metrics = jax.device_get(metrics)
        metrics = metrics if self._many else jax.tree.map(lambda x: x[None], metrics)
        return jax.tree.map(lambda x: x[:, :num_updates], metrics)

    def map_runs(
        self, function: Callable[..., Any], *, in_axes: tuple[int | None, ...]
    ) -> Callable[..., Any]:
        """A function of one run's actor and part of the other arguments as one of all runs', compiled.

        Args:
          function: Of an `Actor` and arrays.
          in_axes: 0 where an argument has a run axis if there are several runs, None where all share it.
        """
        if not self._many:
            return jax.jit(partial(function, self.actor), out_shardings=self.placement.everywhere)

        def of_run(swept: Swept, *arguments: Any) -> Any:
            return function(self._at(swept).actor, *arguments)

        mapped = partial(jax.vmap(of_run, (0, *in_axes)), self._swept)
        return jax.jit(mapped, out_shardings=self.placement.everywhere)

    def of_run(self, tree: Any, run: int) -> Any:
        """One run's part of a state or of params."""
        return jax.tree.map(lambda x: x[run], tree) if self._many else tree

    def _init(self, seeds: jax.Array) -> TrainState:
        if not self._many:
            return self.learner.init(jax.random.key(seeds))
        # One after the other: XLA's batched QR, of orthogonal kernels, can wait for itself on a CPU.
        runs = (jax.vmap(jax.random.key)(seeds), self._swept)
        return jax.lax.map(lambda run: self._at(run[1]).init(run[0]), runs)

    def _run(self, state: TrainState, num_updates: jax.Array) -> tuple[TrainState, Any]:
        if not self._many:
            return self.learner.run_some(state, num_updates, self._most)

        def one(run: tuple[TrainState, Swept]) -> tuple[TrainState, Any]:
            return self._at(run[1]).run_some(run[0], num_updates, self._most)

        runs = (state, self._swept)
        return (
            jax.vmap(one)(runs) if self._at_once is None else self.placement.chunks(one, runs, self._at_once)
        )

    def _at(self, swept: Swept) -> Learner:
        """The learner with the numbers of one run."""
        if not swept.numbers and swept.env_params is None:
            return self.learner
        return self.learner.at(self.learner.numbers.replace(**swept.numbers), swept.env_params)

    @cached_property
    def _shapes(self) -> TrainState:
        return jax.eval_shape(self._init, self._seeds)

    @cached_property
    def _shardings(self) -> Any:
        return self.placement.shardings(self._shapes)
