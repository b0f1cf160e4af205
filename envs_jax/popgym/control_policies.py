"""Reference policies of cart-pole and pendulum; ``env`` and states are those of `envs_jax.popgym.control`."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

UPRIGHT_ENERGY = 15.0
"""Of the pendulum at rest upright, in units of its moment of inertia: 3 g / (2 l), rad2/s2."""


def lean(env: Any, key: jax.Array, state: Any, params: Any) -> jax.Array:
    """Cart-pole: pushes to where the pole leans, and the more surely the more it does, int32[]."""
    angle = env.observe(state, params)[1]
    return (jax.random.uniform(key) < jax.nn.sigmoid(angle / 0.05)).astype(jnp.int32)


def brake(env: Any, key: jax.Array, state: Any, params: Any) -> jax.Array:
    """Cart-pole: pushes against the fall that the velocities show, int32[]."""
    x_dot, theta_dot = env.observe(state, params)
    return (theta_dot + 0.3 * x_dot > 0).astype(jnp.int32)


def balance(env: Any, key: jax.Array, state: Any, params: Any) -> jax.Array:
    """Cart-pole, all of it known: pushes to where the pole is about to fall and, a little, to the middle."""
    x, x_dot, theta, theta_dot = state.physics
    return (theta + 0.3 * theta_dot + 0.05 * x + 0.1 * x_dot > 0).astype(jnp.int32)


def swing_up(env: Any, key: jax.Array, state: Any, params: Any) -> jax.Array:
    """Pendulum, its speed known: pumps energy until it can be caught upright, float32[1]."""
    theta, theta_dot = state.physics
    energy = theta_dot**2 / 2 + UPRIGHT_ENERGY * jnp.cos(theta)
    pump = 2.0 * (UPRIGHT_ENERGY - energy) * jnp.where(theta_dot < 0, -1.0, 1.0)
    catch = -10.0 * theta - 2.5 * theta_dot
    torque = jnp.where((jnp.abs(theta) < 0.6) & (jnp.abs(theta_dot) < 2.5), catch, pump)
    return jnp.clip(torque, -2.0, 2.0).astype(jnp.float32)[None]


def lift(env: Any, key: jax.Array, state: Any, params: Any) -> jax.Array:
    """Pendulum: torque towards upright, by the sine alone, float32[1]."""
    return jnp.clip(-8.0 * env.observe(state, params)[1:], -2.0, 2.0)


POLICIES: Mapping[str, Mapping[str, Callable[..., jax.Array]]] = {
    "PositionOnlyCartPole": {"without memory": lean, "state known": balance},
    "VelocityOnlyCartPole": {"without memory": brake, "state known": balance},
    "PositionOnlyPendulum": {"without memory": lift, "state known": swing_up},
}
"""Class of the task, or of its like without noise -> label -> policy."""
