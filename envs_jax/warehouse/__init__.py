"""The Warehouse: rules in `dynamics`, the environment in `env`, reference policies in `policies`."""

from envs_jax.warehouse.dynamics import MINI_WAREHOUSE, WAREHOUSE, Layout, Params, State
from envs_jax.warehouse.env import Warehouse

__all__ = ["MINI_WAREHOUSE", "WAREHOUSE", "Layout", "Params", "State", "Warehouse"]
