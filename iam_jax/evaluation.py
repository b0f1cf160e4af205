"""Evaluations in the course of training: whole episodes of every run, on environments of their own."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from iam_jax import play
from iam_jax.learners import Learners
from iam_jax.play import Result
from iam_jax.ppo.rollout import Actor

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
        self._play_on = learners.map_runs(_play_on, in_axes=(0, 0, None))
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
            begin = partial(_begin, episodes=episodes)
            self._begin[episodes] = self.learners.map_runs(begin, in_axes=(0,))
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


def _begin(actor: Actor, key: jax.Array, *, episodes: int) -> play.Game:
    return play.begin(key, actor=actor, episodes=episodes)


def _play_on(actor: Actor, params: Any, game: play.Game, until: jax.Array) -> play.Game:
    return play.play_on(params, game, until, actor=actor)
