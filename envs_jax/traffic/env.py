"""The traffic task as an environment: draws the randomness and adapts `dynamics` to the contract."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.environment import Environment, Step, select
from envs_jax.traffic import dynamics
from envs_jax.traffic.policies import POLICIES, Policy
from envs_jax.traffic.state import Params, State


class Traffic(Environment):
    """See `envs_jax.traffic.dynamics` for the rules.

    The number of cars and the box in sight decide array shapes, so they are read from the params given here
    and must not change between calls; every other field of the params may.
    """

    def __init__(self, params: Params | None = None):
        self._params = Params() if params is None else params

    @property
    def name(self) -> str:
        return "traffic"

    @property
    def default_params(self) -> Params:
        return self._params

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: State, action: jax.Array, params: Params | None = None) -> Step:
        """As `Environment.step`, with one draw per car.

        Where the episode ends the same numbers choose the routes of the next one: they decided how much
        drivers dawdled on the way to a state that nobody lives in, and drawing is a large part of the cost.
        """
        params = self._params if params is None else params
        noise = self._draw(key, params)
        stepped, reward = dynamics.step(state, action, noise, params)
        terminated = self.is_terminated(stepped, params)
        truncated = self.is_truncated(stepped, params)
        first = self._first(noise, params)
        if params.carry_light_over_resets:
            first = dynamics.keep_light(first, before=stepped)
        ended = terminated | truncated
        state = select(ended, first, stepped)
        final_obs = dynamics.observe(stepped, params)
        obs = jnp.where(ended, jnp.zeros_like(final_obs), final_obs)
        info = {"terminated": terminated, "truncated": truncated, "final_observation": final_obs}
        return obs, state, reward, terminated, truncated, info

    def step_env(
        self, key: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, dict[str, Any]]:
        state, reward = dynamics.step(state, action, self._draw(key, params), params)
        return dynamics.observe(state, params), state, reward, self.is_terminated(state, params), {}

    def reset_env(self, key: jax.Array, params: Params) -> tuple[jax.Array, State]:
        """An empty road and no light set, whether or not ``carry_light_over_resets``."""
        state = self._first(self._draw(key, params), params)
        return dynamics.observe(state, params), state

    def observe(self, key: jax.Array, state: State, action: jax.Array | None, params: Params) -> jax.Array:
        return dynamics.observe(state, params)

    def is_terminated(self, state: State, params: Params) -> jax.Array:
        """All cars have reached the ends of their routes."""
        return dynamics.all_gone(state)

    def action_space(self, params: Params | None = None) -> spaces.Discrete:
        """Green for 0 the approach from the north, 1 the one from the west."""
        return spaces.Discrete(2)

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        return spaces.Box(0.0, 1.0, (2 * self._params.cells,))

    def d_set(self, params: Params | None = None) -> tuple[int, ...]:
        """Observation indices that influence what is hidden: the published choice.

        The last two cells of each exit, where cars leave the agent's sight; with another box, its last two.
        """
        cells = self._params.cells
        return (cells - 2, cells - 1, 2 * cells - 2, 2 * cells - 1)

    def hidden(self, state: State) -> jax.Array:
        """What the agent cannot see, float[5 + 16 * 2].

        The light one-hot over `NORTH_GREEN` .. `WEST_YELLOW`, the remaining yellow steps, and for each lane
        of `network.LANES` the number of cars on it and their mean speed in m/s (0 where there is none).
        """
        light = jax.nn.one_hot(state.light, 4)
        lane, _, speed, driving = dynamics.lane_view(state)
        on_lane = (lane == jnp.arange(16)[:, None]) & driving
        cars = on_lane.sum(-1)
        mean_speed = jnp.where(on_lane, speed, 0).sum(-1) / jnp.maximum(cars, 1)
        return jnp.concatenate([light, state.yellow_left[None], cars, mean_speed])

    def policies(self) -> dict[str, Policy]:
        """Reference policies that need no learning; see `envs_jax.traffic.policies`."""
        return dict(POLICIES)

    def render(self, state: State, params: Params | None = None) -> np.ndarray:
        """The crossing and the loop as a picture, uint8[H, W, 3]."""
        from envs_jax.traffic.render import render

        return render(state, self._params if params is None else params)

    @staticmethod
    def _first(draws: jax.Array, params: Params) -> State:
        return dynamics.reset(draws < params.west_start_probability, params)

    @staticmethod
    def _draw(key: jax.Array, params: Params) -> jax.Array:
        return jax.random.uniform(key, (params.num_cars,))


def traffic(**params: Any) -> Traffic:
    """The paper's traffic task, or one with other numbers: see `Params`."""
    for name, value in params.items():
        if name not in LIMITS:
            raise ValueError(f"there is no {name!r} (but {', '.join(LIMITS)})")
        fits, wanted = LIMITS[name]
        if not fits(value):
            raise ValueError(f"{name} must {wanted}, not {value!r}")
    return Traffic(Params(**params))


def _whole(low: int, high: float = float("inf")) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_box(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(bound, int) for bound in value)
        and value[0] in range(6, 39, 4)
        and value[1] in range(42, 99, 4)
    )


LIMITS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "max_steps_in_episode": (_whole(1, 300), "be a whole number from 1 to 300"),
    "sigma": (_is_share, "lie in [0, 1]"),
    "yellow_steps": (_whole(1, 300), "be a whole number from 1 to 300"),
    "west_start_probability": (_is_share, "lie in [0, 1]"),
    "num_cars": (_whole(1, 8), "be a whole number from 1 to 8"),
    "box": (_is_box, "be (low, high), low one of 6, 10 .. 38 and high one of 42, 46 .. 98"),
    "carry_light_over_resets": (lambda value: isinstance(value, bool), "be true or false"),
}
"""What each argument may be. More cars than eight fill the road up to where new ones appear, and longer
episodes let SUMO remove cars that wait: neither is modelled."""
