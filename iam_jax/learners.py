"""One learner for one seed or, vmapped, for many."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import numpy as np

from iam_jax.config import Config
from iam_jax.ppo.learner import Learner, TrainState
from iam_jax.sharding import Placement


class Program(NamedTuple):
    """The compiled program that runs some updates; called, it returns the state after them and metrics."""

    compiled: Any

    def __call__(self, state: TrainState, num_updates: int) -> tuple[TrainState, Any]:
        return self.compiled(state, np.int32(num_updates))


class Learners:
    """Runs a `Learner` on the seeds of a config.

    With one seed, states have no seed axis: a vmapped `jax.lax.cond` computes both branches, which
    a single run need not pay for. Metrics and returns always have one, of S seeds.

    Args:
      learner: The learner.
      config: Its config, for the seeds.
      num_devices: Over which they are spread, or their environments.
    """

    def __init__(self, learner: Learner, config: Config, num_devices: int = 1):
        self.actor = learner.actor
        self.placement = Placement(config, num_devices)
        self._restart = learner.restart
        self.seeds = range(config.seed, config.seed + config.num_seeds)
        self._many = config.num_seeds > 1
        map_ = jax.vmap if self._many else lambda function: function
        # One seed after the other: XLA's batched QR, of orthogonal kernels, can wait for itself on a CPU.
        one_by_one = partial(jax.lax.map, learner.init) if self._many else learner.init
        self._init = lambda seeds: one_by_one(map_(jax.random.key)(seeds))
        self._seeds = np.array(self.seeds) if self._many else np.array(self.seeds[0])
        run = partial(learner.run_some, most=config.updates_per_call)
        self._run = jax.vmap(run, (0, None)) if self._many else run

    def init(self) -> TrainState:
        """Fresh states; seed s begins as a single run with ``--seed s`` does."""
        return jax.jit(self._init, out_shardings=self._shardings)(self._seeds)

    def restart(self, state: TrainState) -> TrainState:
        """See `Learner.restart`."""
        return jax.jit(self._restart, out_shardings=self._shardings)(state)

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

    def by_seed(self, metrics: Any, num_updates: int) -> dict[str, np.ndarray]:
        """Metrics on the host, [S, updates] each."""
        metrics = jax.device_get(metrics)
        metrics = metrics if self._many else jax.tree.map(lambda x: x[None], metrics)
        return jax.tree.map(lambda x: x[:, :num_updates], metrics)

    def map_seeds(
        self, function: Callable[..., Any], *, in_axes: tuple[int | None, ...]
    ) -> Callable[..., Any]:
        """A function of one seed's part of its arguments as one of all seeds', compiled.

        Args:
          function: Of arrays.
          in_axes: 0 where an argument has a seed axis if there are several seeds, None where all share it.
        """
        if self._many:
            function = jax.vmap(function, in_axes)
        return jax.jit(function, out_shardings=self.placement.everywhere)

    def of_seed(self, tree: Any, seed: int) -> Any:
        """One seed's part of a state or of params."""
        return jax.tree.map(lambda x: x[seed - self.seeds[0]], tree) if self._many else tree

    @cached_property
    def _shapes(self) -> TrainState:
        return jax.eval_shape(self._init, self._seeds)

    @cached_property
    def _shardings(self) -> Any:
        return self.placement.shardings(self._shapes)
