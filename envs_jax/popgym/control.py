"""Cart-pole and pendulum of which only positions or only velocities are seen, with noise or without.

Rules: ``popgym.envs.position_only_cartpole`` and its neighbours (popgym 1.0.7), which build on
``gymnasium.envs.classic_control``. Physics is computed in JAX's default float: float32, or float64 with
``jax_enable_x64``; observations are float32, as popgym's are.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, Rule
from envs_jax.environment import EnvParams, EnvState, Policy
from envs_jax.popgym import control_policies
from envs_jax.popgym.base import PopGym

LENGTHS: Mapping[str, Mapping[str, Any]] = {
    "easy": {"max_episode_length": 200},
    "medium": {"max_episode_length": 400},
    "hard": {"max_episode_length": 600},
}
NOISES: Mapping[str, Mapping[str, Any]] = {
    "easy": {"noise_sigma": 0.1},
    "medium": {"noise_sigma": 0.2},
    "hard": {"noise_sigma": 0.3},
}
LENGTH_RULES: Mapping[str, Rule] = {"max_episode_length": TIME_LIMIT}
NOISE_RULES: Mapping[str, Rule] = {
    "noise_sigma": Rule(
        "be a number from 0 to 100", lambda value: type(value) in (int, float) and 0 <= value <= 100
    )
}

GRAVITY, MASS_POLE, MASS, HALF_LENGTH, FORCE, TAU = 9.8, 0.1, 1.1, 0.5, 10.0, 0.02
"""Of the cart-pole, in SI units: m/s2, kg, kg of pole and cart, m, N, s per step."""
X_LIMIT, ANGLE_LIMIT = 2.4, 12 * 2 * math.pi / 360
"""m and rad, beyond which the cart-pole has failed."""
MAX_SPEED, MAX_TORQUE, DT = 8.0, 2.0, 0.05
"""Of the pendulum: rad/s, N m, s per step."""
WORST_COST = 16.2736044
"""popgym's number for what a step of the pendulum costs at most, by which it scales rewards."""


class State(EnvState):
    """``physics``: where things are and how fast they move, float[D]; ``noise`` on what is seen, float32[2].

    Cart-pole: x m, m/s, angle rad (0 upright), rad/s. Pendulum: angle rad (0 upright), rad/s.
    """

    physics: jax.Array
    noise: jax.Array


class Control(PopGym):
    """What the tasks share; they differ in physics, in what is shown of them and in its noise.

    Args:
      name: As `envs_jax.make` has it.
      max_episode_length: Steps; rewards are divided by it.
      noise_sigma: Standard deviation of what is added to observations.
    """

    START: ClassVar[tuple[float, ...]]
    """An episode begins anywhere between minus these numbers and these."""
    BOUNDS: ClassVar[tuple[float, float]]
    """Of the two numbers that are shown; noise does not lead beyond."""

    def __init__(self, name: str, max_episode_length: int = 200, noise_sigma: float = 0.0):
        super().__init__(name, longest=max_episode_length, time_limit=max_episode_length)
        self._sigma = noise_sigma

    def draw(self, key: jax.Array, params: EnvParams) -> jax.Array:
        """A start, uniform in [-1, 1), and noise on what is observed, float[D + 2]."""
        key_start, key_noise = jax.random.split(key)
        start = jax.random.uniform(key_start, (len(self.START),), minval=-1.0)
        noise = jnp.zeros(2, jnp.float32)
        if self._sigma:
            noise = self._sigma * jax.random.normal(key_noise, (2,), jnp.float32)
        # Rounded before it is added: otherwise the compiler may multiply and add at once in one of the places
        # that observe a state and not in another one.
        return jax.lax.optimization_barrier(jnp.append(start, noise))

    def begin(self, draws: jax.Array, params: EnvParams) -> State:
        start, noise = draws[:-2], draws[-2:].astype(jnp.float32)
        return State(time=jnp.int32(0), physics=start * jnp.array(self.START), noise=noise)

    def advance(
        self, draws: jax.Array, state: State, action: jax.Array, params: EnvParams
    ) -> tuple[State, jax.Array]:
        physics, gain = self.move(state.physics, action)
        noise = draws[-2:].astype(jnp.float32)
        state = State(time=state.time + 1, physics=physics, noise=noise)
        return state, gain / params.max_steps_in_episode

    def move(self, physics: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The physics one step later, float[D], and what the step earns, from -1 to 1, float[]."""
        raise NotImplementedError

    def shown(self, state: State) -> jax.Array:
        """The two numbers that are observed, without noise."""
        raise NotImplementedError

    def observe(self, state: State, params: EnvParams) -> jax.Array:
        bounds = np.array(self.BOUNDS, np.float32)
        return jnp.clip(self.shown(state).astype(jnp.float32) + state.noise, -bounds, bounds)

    def observation_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(-max(self.BOUNDS), max(self.BOUNDS), (2,))

    def hidden(self, state: State) -> dict[str, jax.Array]:
        """``state``: all of it, float32."""
        return {"state": state.physics.astype(jnp.float32)}

    def policies(self) -> dict[str, Policy]:
        chosen = control_policies.POLICIES[type(self).__name__.removeprefix("Noisy")]
        return {**super().policies(), **{label: partial(policy, self) for label, policy in chosen.items()}}


class CartPole(Control):
    """Keep the pole upright: every step pays one over the time limit, and a fall terminates the episode."""

    START = (0.05,) * 4

    def move(self, physics: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array]:
        return cart_pole(physics, action), jnp.ones_like(physics[0])

    def is_terminated(self, state: State, params: EnvParams) -> jax.Array:
        return (jnp.abs(state.physics[0]) > X_LIMIT) | (jnp.abs(state.physics[2]) > ANGLE_LIMIT)

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """0 pushes the cart to the left, 1 to the right."""
        return spaces.Discrete(2)

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """Cart, pole and the limits of the track, uint8[H, W, 3]."""
        from envs_jax.popgym.pictures import cart_pole

        return cart_pole(float(state.physics[0]), float(state.physics[2]))


class PositionOnlyCartPole(CartPole):
    """Observation: the cart's place in m and the pole's angle in rad, float32[2]."""

    LEVELS, RULES = LENGTHS, LENGTH_RULES
    BOUNDS = (2 * X_LIMIT, 2 * ANGLE_LIMIT)

    def shown(self, state: State) -> jax.Array:
        return state.physics[::2]


class VelocityOnlyCartPole(CartPole):
    """Observation: the two velocities, float32[2]; but the first shows place and angle, as popgym's does."""

    LEVELS, RULES = LENGTHS, LENGTH_RULES
    BOUNDS = (math.inf, math.inf)

    def shown(self, state: State) -> jax.Array:
        return jnp.where(state.time == 0, state.physics[::2], state.physics[1::2])


class NoisyPositionOnlyCartPole(PositionOnlyCartPole):
    """Observation: place and angle with normal noise of the same size on both, float32[2]."""

    LEVELS, RULES = NOISES, NOISE_RULES


class PositionOnlyPendulum(Control):
    """Swing a pendulum up and hold it. Observation: cosine and sine of its angle, float32[2]."""

    LEVELS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "easy": {"max_episode_length": 200},
        "medium": {"max_episode_length": 150},
        "hard": {"max_episode_length": 100},
    }
    RULES = LENGTH_RULES
    START = (math.pi, 1.0)
    BOUNDS = (1.0, 1.0)

    def move(self, physics: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array]:
        physics, cost = pendulum(physics, action)
        return physics, (WORST_COST / 2 - cost) / (WORST_COST / 2)

    def shown(self, state: State) -> jax.Array:
        return jnp.stack([jnp.cos(state.physics[0]), jnp.sin(state.physics[0])])

    def action_space(self, params: Any = None) -> spaces.Box:
        """The torque in N m, float32[1]."""
        return spaces.Box(-MAX_TORQUE, MAX_TORQUE, (1,))

    def hidden(self, state: State) -> dict[str, jax.Array]:
        """``state``: cosine, sine and rad/s, float32[3]."""
        return {"state": jnp.append(self.shown(state), state.physics[1]).astype(jnp.float32)}

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """The pendulum, uint8[H, W, 3]."""
        from envs_jax.popgym.pictures import pendulum

        return pendulum(float(state.physics[0]))


class NoisyPositionOnlyPendulum(PositionOnlyPendulum):
    """Observation: cosine and sine of the angle with normal noise, cut off at -1 and 1, float32[2]."""

    LEVELS, RULES = NOISES, NOISE_RULES


def cart_pole(physics: jax.Array, action: jax.Array) -> jax.Array:
    """One step of ``CartPoleEnv`` by Euler's method.

    Args:
      physics: Place, velocity, angle, angular velocity, float[4].
      action: 0 or 1.
    """
    _, x_dot, theta, theta_dot = physics
    force = jnp.where(action == 1, FORCE, -FORCE).astype(physics.dtype)
    cos, sin = jnp.cos(theta), jnp.sin(theta)
    temp = (force + MASS_POLE * HALF_LENGTH * jnp.square(theta_dot) * sin) / MASS
    theta_acc = (GRAVITY * sin - cos * temp) / (HALF_LENGTH * (4 / 3 - MASS_POLE * jnp.square(cos) / MASS))
    x_acc = temp - MASS_POLE * HALF_LENGTH * theta_acc * cos / MASS
    return physics + TAU * jnp.stack([x_dot, x_acc, theta_dot, theta_acc])


def pendulum(physics: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array]:
    """One step of ``PendulumEnv``, and its cost.

    The angle is kept from -pi to pi, where it is counted on and on there: float32 would lose its last digits.

    Args:
      physics: Angle and angular velocity, float[2].
      action: Torque, float32[1], which is rounded as gymnasium rounds it, whatever the physics' dtype.
    """
    theta, theta_dot = physics
    torque = jnp.clip(action, -MAX_TORQUE, MAX_TORQUE)[0]
    cost = theta**2 + 0.1 * theta_dot**2 + 0.001 * torque**2
    theta_dot = theta_dot + (15.0 * jnp.sin(theta) + 3.0 * torque) * DT
    theta_dot = jnp.clip(theta_dot, -MAX_SPEED, MAX_SPEED)
    theta = theta + theta_dot * DT
    theta = theta - 2 * math.pi * jnp.round(theta / (2 * math.pi))
    return jnp.stack([theta, theta_dot]), cost
