"""Evaluations in the course of a run: whole episodes of every seed, on environments of their own."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from iam_jax import play
from iam_jax.learners import Learners
from iam_jax.play import Result

EVALUATION_STREAM = 0x6576616C
"""Folded into the seed's key for evaluation. Large, because ``fold_in(key, i) == split(key)[i]``."""


class Evaluation:
    """Plays the agents of a run.

    Args:
      learners: Whose environment and model; those of a simulator outside of JAX are not shared with training,
        for an evaluation must not disturb the games that training is in.
      max_steps: Episodes that are longer are cut.
    """

    def __init__(self, learners: Learners, max_steps: int):
        self.learners, self.max_steps = learners, max_steps
        self._play_on = learners.map_seeds(partial(play.play_on, actor=learners.actor), in_axes=(0, 0, None))
        self._begin: dict[int, Callable[..., Any]] = {}

    def __call__(
        self,
        params: Any,
        update: int,
        episodes: int,
        *,
        stop: Callable[[], bool],
        look: Callable[[int, int], None],
    ) -> Result | None:
        """What the parameters of an update earn, returns [S, episodes]; None where it was stopped.

        ``stop`` and ``look`` as of `iam_jax.play.finish`.
        """
        if episodes not in self._begin:
            begin = partial(play.begin, actor=self.learners.actor, episodes=episodes)
            self._begin[episodes] = self.learners.map_seeds(begin, in_axes=(0,))
        game = self._begin[episodes](self.keys(update))
        play_on = partial(self._play_on, params)
        result = play.finish(play_on, game, max_steps=self.max_steps, stop=stop, look=look)
        if result is None or result.returns.ndim == 2:
            return result
        return result._replace(returns=result.returns[None])

    def keys(self, update: int) -> jax.Array:
        """Source of an evaluation's randomness: each seed has the one it has when it is trained alone."""

        def key(seed: Any) -> jax.Array:
            return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), EVALUATION_STREAM), update)

        seeds = np.array(self.learners.seeds)
        return jax.vmap(key)(seeds) if len(seeds) > 1 else key(seeds[0])
