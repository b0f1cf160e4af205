"""One learner for one seed or, vmapped, for many."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np

from iam_jax.config import Config
from iam_jax.ppo.learner import Learner, TrainState
from iam_jax.sharding import Placement


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
        self._run = map_(lambda state: learner.run(state, config.updates_per_call))

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

    def compile(self, state: TrainState) -> Callable[[TrainState], tuple[TrainState, Any]]:
        """The program that runs ``updates_per_call`` updates, consuming its argument."""
        program = jax.jit(
            self._run,
            donate_argnums=0,
            in_shardings=(self._shardings,),
            out_shardings=(self._shardings, self.placement.everywhere),
        )
        return program.lower(state).compile()

    def by_seed(self, metrics: Any) -> dict[str, np.ndarray]:
        """Metrics on the host, [S, updates] each."""
        metrics = jax.device_get(metrics)
        return metrics if self._many else jax.tree.map(lambda x: x[None], metrics)

    def map_seeds(self, function: Callable[[Any, jax.Array], jax.Array]) -> Callable[..., Any]:
        """Compiled ``function(params, key)`` for every seed's params and one key, [S, ...]."""
        jit = partial(jax.jit, out_shardings=self.placement.everywhere)
        if self._many:
            return jit(jax.vmap(function, (0, None)))
        return jit(lambda params, key: function(params, key)[None])

    def of_seed(self, tree: Any, seed: int) -> Any:
        """One seed's part of a state or of params."""
        return jax.tree.map(lambda x: x[seed - self.seeds[0]], tree) if self._many else tree

    @cached_property
    def _shapes(self) -> TrainState:
        return jax.eval_shape(self._init, self._seeds)

    @cached_property
    def _shardings(self) -> Any:
        return self.placement.shardings(self._shapes)
