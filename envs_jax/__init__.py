"""Partially observable environments in pure JAX, with gymnax 1.0's contract.

>>> env, params = make("warehouse")

Names are imported when they are first used, so that ``import envs_jax`` needs no jax.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from envs_jax.registry import adapt, make, register, register_with_gymnax, registered

if TYPE_CHECKING:
    from envs_jax import spaces
    from envs_jax.environment import Environment, EnvParams, EnvState
    from envs_jax.gymnasium_view import as_gymnasium, as_gymnasium_vector
    from envs_jax.testing import ContractError, check_env

__all__ = [
    "ContractError",
    "EnvParams",
    "EnvState",
    "Environment",
    "adapt",
    "as_gymnasium",
    "as_gymnasium_vector",
    "check_env",
    "make",
    "register",
    "register_with_gymnax",
    "registered",
    "spaces",
]

_PLACES = {
    **dict.fromkeys(("Environment", "EnvParams", "EnvState"), "envs_jax.environment"),
    **dict.fromkeys(("as_gymnasium", "as_gymnasium_vector"), "envs_jax.gymnasium_view"),
    **dict.fromkeys(("ContractError", "check_env"), "envs_jax.testing"),
}


def __getattr__(name: str) -> Any:
    if name == "spaces":
        return import_module("envs_jax.spaces")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
