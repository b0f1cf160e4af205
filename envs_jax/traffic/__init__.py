"""The traffic task: the road in `network`, rules in `dynamics`, the environment in `env`, SUMO in `sumo`."""

from envs_jax.traffic.dynamics import Params, State
from envs_jax.traffic.env import Traffic

__all__ = ["Params", "State", "Traffic"]
