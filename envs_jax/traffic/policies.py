"""Reference policies of the traffic task: what one gets without learning."""

from collections.abc import Callable

import jax

from envs_jax.traffic.dynamics import Params, State

Policy = Callable[[jax.Array, State, Params], jax.Array]


def policies() -> dict[str, Policy]:
    return {}
