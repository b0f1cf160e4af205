"""Partially observable environments in pure JAX, with gymnax 1.0's contract.

>>> env, params = make("warehouse")
"""

from envs_jax.registry import make, register_with_gymnax, registered

__all__ = ["make", "register_with_gymnax", "registered"]
