"""The traffic task as an environment: draws the randomness and adapts `dynamics` to the contract."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import Flag, Rule, Share, Whole, check
from envs_jax.environment import Environment
from envs_jax.traffic import dynamics
from envs_jax.traffic.network import LANES
from envs_jax.traffic.policies import POLICIES, Policy
from envs_jax.traffic.state import Params, State


class Traffic(Environment):
    """See `envs_jax.traffic.dynamics` for the rules.

    The number of cars and the box in sight decide array shapes, so they are read from the params given here
    and must not change between calls; every other field of the params may.

    Where an episode ends the numbers of its last step choose the routes of the next one: they decided how
    much drivers dawdled on the way to a state that nobody lives in, and drawing is a large part of the cost.
    """

    shares_key = True

    def __init__(self, params: Params | None = None):
        self._params = Params() if params is None else params

    @property
    def name(self) -> str:
        return "traffic"

    @property
    def default_params(self) -> Params:
        return self._params

    def draw(self, key: jax.Array, params: Params) -> jax.Array:
        """A uniform number in [0, 1) for each car, float[N]."""
        return jax.random.uniform(key, (params.num_cars,))

    def begin(self, draws: jax.Array, params: Params) -> State:
        """An empty road and no light set, whether or not ``carry_light_over_resets``."""
        return dynamics.reset(draws < params.west_start_probability, params)

    def begin_after(self, draws: jax.Array, last: State, params: Params) -> State:
        """An empty road, with the light of the last episode where ``carry_light_over_resets``."""
        first = self.begin(draws, params)
        return dynamics.keep_light(first, before=last) if params.carry_light_over_resets else first

    def advance(
        self, draws: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[State, jax.Array]:
        """One second of the rules; see `dynamics.step`."""
        return dynamics.step(state, action, draws, params)

    def observe(self, state: State, params: Params) -> jax.Array:
        """Which cells of the two roads in sight hold a car, float32[2 * cells]; see `dynamics.observe`."""
        return dynamics.observe(state, params)

    def opening(self, params: Params) -> jax.Array:
        """Of an empty road nothing is seen."""
        return jnp.zeros(2 * params.cells, jnp.float32)

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

    def hidden_names(self) -> tuple[str, ...]:
        lights = ("north green", "north yellow", "west green", "west yellow")
        lanes = [lane.name.removesuffix("_0") for lane in LANES]
        return (
            *(f"light: {light}" for light in lights),
            "yellow steps left",
            *(f"cars on {lane}" for lane in lanes),
            *(f"speed on {lane} (m/s)" for lane in lanes),
        )

    def policies(self) -> dict[str, Policy]:
        """Reference policies that need no learning; see `envs_jax.traffic.policies`."""
        return dict(POLICIES)

    def render(self, state: State, params: Params | None = None) -> np.ndarray:
        """The crossing and the loop as a picture, uint8[H, W, 3]."""
        from envs_jax.traffic.render import render

        return render(state, self._params if params is None else params)


def traffic(**arguments: Any) -> Traffic:
    """The paper's traffic task, or one with other numbers: see `Params`."""
    return Traffic(Params(**check(arguments, ARGUMENTS)))


def _is_box(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(bound, int) for bound in value)
        and value[0] in range(6, 39, 4)
        and value[1] in range(42, 99, 4)
    )


ARGUMENTS: dict[str, Rule] = {
    "max_steps_in_episode": Whole(
        1, 300, "in longer episodes SUMO removes cars that wait, which is not modelled"
    ),
    "sigma": Share(),
    "yellow_steps": Whole(1, 300),
    "west_start_probability": Share(),
    "num_cars": Whole(1, 8, "more cars fill the road up to where new ones appear, which is not modelled"),
    "box": Rule("be (low, high), low one of 6, 10 .. 38 and high one of 42, 46 .. 98", _is_box),
    "carry_light_over_resets": Flag(),
}
"""What each argument may be."""
