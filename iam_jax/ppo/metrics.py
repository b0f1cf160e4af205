"""What an update reports of its rollout."""

from functools import partial

import jax
import jax.numpy as jnp

from iam_jax.ppo.loss import Batch
from iam_jax.ppo.rollout import Transition

Metrics = dict[str, jax.Array]
"""Name -> float32[]."""


def episode_metrics(transitions: Transition) -> Metrics:
    """Mean, standard deviation and number of the episodes that ended; nan without any."""
    ended = transitions.episode["ended"]
    count = ended.sum()
    mean = lambda x: jnp.where(ended, x, 0).sum() / count  # noqa: E731
    episode_return = transitions.episode["return"]
    average = mean(episode_return)
    return {
        "episodes": count,
        "episode_return": average,
        "episode_return_std": jnp.sqrt(mean(jnp.square(episode_return - average))),
        "episode_length": mean(transitions.episode["length"]),
        "reward": transitions.reward.mean(),
    }


def value_metrics(batch: Batch) -> Metrics:
    """How well the critic foresaw the returns, and what it said on average."""
    target = batch.value + batch.advantage
    var = partial(jnp.var, where=batch.valid)
    unexplained = var(batch.advantage) / (var(target) + 1e-8)
    return {"explained_variance": 1 - unexplained, "value": batch.value.mean()}
