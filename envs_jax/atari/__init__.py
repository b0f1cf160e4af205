"""Pong and Breakout of the Atari 2600 as rules: `pong` and `breakout`, and what they share."""

from envs_jax.atari.console import Params
from envs_jax.atari.env import Breakout, Pong

__all__ = ["Breakout", "Params", "Pong"]
