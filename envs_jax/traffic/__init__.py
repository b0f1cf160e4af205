"""The traffic task: the road in `network`, rules in `dynamics`, the environment in `env`, SUMO in `sumo`."""

from envs_jax.traffic.env import Traffic
from envs_jax.traffic.state import Params, State

__all__ = ["Params", "State", "Traffic"]
