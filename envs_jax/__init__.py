"""Partially observable environments in pure JAX, with gymnax 1.0's contract.

>>> env, params = make("warehouse")
"""

from envs_jax.registry import make, registered

__all__ = ["make", "registered"]
