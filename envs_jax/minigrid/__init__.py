"""MiniGrid: cells in `tiles`, layouts and endings in `tasks`, rules in `dynamics`, sight in `view`."""

from envs_jax.minigrid.dynamics import Params, State
from envs_jax.minigrid.env import MiniGrid
from envs_jax.minigrid.tasks import DoorKey, Memory, RedBlueDoors

__all__ = ["DoorKey", "Memory", "MiniGrid", "Params", "RedBlueDoors", "State"]
