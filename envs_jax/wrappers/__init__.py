"""Wrappers: environments around environments, with the same contract."""

from envs_jax.wrappers.base import Wrapper
from envs_jax.wrappers.frames import Flicker, FrameStack
from envs_jax.wrappers.statistics import EpisodeStatistics
from envs_jax.wrappers.vectors import Observe, PreviousAction, Vector

__all__ = ["EpisodeStatistics", "Flicker", "FrameStack", "Observe", "PreviousAction", "Vector", "Wrapper"]
