"""One learner for one seed or, vmapped, for many."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from iam_jax.config import Config
from iam_jax.ppo.learner import Learner, TrainState


class Learners:
    """Runs a `Learner` on the seeds of a config.

    With one seed, states have no seed axis: a vmapped `jax.lax.cond` computes both branches, which
    a single run need not pay for. Metrics and returns always have one, of S seeds.

    Args:
      learner: The learner.
      config: Its config, for the seeds.
    """

    def __init__(self, learner: Learner, config: Config):
        self.actor = learner.actor
        self.restart = jax.jit(learner.restart)
        self.seeds = range(config.seed, config.seed + config.num_seeds)
        self._many = config.num_seeds > 1
        map_ = jax.vmap if self._many else lambda function: function
        # One seed after the other: XLA's batched QR, of orthogonal kernels, can wait for itself on a CPU.
        self._init = partial(jax.lax.map, learner.init) if self._many else learner.init
        self._run = map_(lambda state: learner.run(state, config.updates_per_call))

    def init(self) -> TrainState:
        """Fresh states; seed s begins as a single run with ``--seed s`` does."""
        return jax.jit(self._init)(self._keys())

    def shapes(self) -> TrainState:
        """Shapes of what `init` returns, without computing it."""
        return jax.eval_shape(self._init, self._keys())

    def compile(self, state: TrainState) -> Callable[[TrainState], tuple[TrainState, Any]]:
        """The program that runs ``updates_per_call`` updates, consuming its argument."""
        return jax.jit(self._run, donate_argnums=0).lower(state).compile()

    def by_seed(self, metrics: Any) -> dict[str, np.ndarray]:
        """Metrics on the host, [S, updates] each."""
        metrics = jax.device_get(metrics)
        return metrics if self._many else jax.tree.map(lambda x: x[None], metrics)

    def map_seeds(self, function: Callable[[Any, jax.Array], jax.Array]) -> Callable[..., Any]:
        """Compiled ``function(params, key)`` for every seed's params and one key, [S, ...]."""
        if self._many:
            return jax.jit(jax.vmap(function, (0, None)))
        return jax.jit(lambda params, key: function(params, key)[None])

    def of_seed(self, tree: Any, seed: int) -> Any:
        """One seed's part of a state or of params."""
        return jax.tree.map(lambda x: x[seed - self.seeds[0]], tree) if self._many else tree

    def _keys(self) -> jax.Array:
        keys = jax.vmap(jax.random.key)(np.array(self.seeds))
        return keys if self._many else keys[0]
