"""Wrappers: environments around environments, with the same contract."""

from envs_jax.wrappers.appended import Hidden
from envs_jax.wrappers.base import Wrapper
from envs_jax.wrappers.distractors import Distractors
from envs_jax.wrappers.frames import Flicker, FrameStack
from envs_jax.wrappers.statistics import EpisodeStatistics
from envs_jax.wrappers.vectors import Observe, PreviousAction, Vector

__all__ = [
    "Distractors",
    "EpisodeStatistics",
    "Flicker",
    "FrameStack",
    "Hidden",
    "Observe",
    "PreviousAction",
    "Vector",
    "Wrapper",
]
