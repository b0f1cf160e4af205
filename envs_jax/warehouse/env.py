"""The Warehouse as an environment: draws the randomness and adapts `dynamics` to the contract."""

import dataclasses
from typing import Any

import jax
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, Flag, Maybe, Rule, Share, Whole, check
from envs_jax.draws import uniforms
from envs_jax.environment import Environment
from envs_jax.warehouse import dynamics
from envs_jax.warehouse.dynamics import Params, State
from envs_jax.warehouse.policies import POLICIES, Policy, planner


class Warehouse(Environment):
    """See `envs_jax.warehouse.dynamics` for the rules.

    The layout decides array shapes, so it is read from the params given here and must not change
    between calls; every other field of the params may. It ends only by its time limit.

    The same draws spawn the items of the episode's last state and of the next episode's first, for only one
    of the two is ever lived in.
    """

    shares_key = True

    def __init__(self, params: Params = dynamics.WAREHOUSE):
        self._params = params

    @property
    def name(self) -> str:
        return "warehouse" if self._params.layout.corners else "mini-warehouse"

    @property
    def default_params(self) -> Params:
        return self._params

    def draw(self, key: jax.Array, params: Params) -> jax.Array:
        """A uniform number in [0, 1) for each slot, float32[D]."""
        return uniforms(key, params.layout.num_slots)

    def begin(self, draws: jax.Array, params: Params) -> State:
        """The robot in the middle, and the items of one spawn."""
        return dynamics.reset(draws, params)

    def advance(
        self, draws: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[State, jax.Array]:
        """One step of the rules; see `dynamics.step`."""
        return dynamics.step(state, action, draws, params)

    def observe(self, state: State, params: Params) -> jax.Array:
        """Where the robot is and where items are, float32[N*N + I]; see `dynamics.observe`."""
        return dynamics.observe(state, params)

    def action_space(self, params: Params | None = None) -> spaces.Discrete:
        """0 up, 1 down, 2 left, 3 right."""
        return spaces.Discrete(4)

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        return spaces.Box(0.0, 1.0, (self._params.layout.observation_size,))

    def d_set(self, params: Params | None = None) -> tuple[int, ...]:
        """Observation indices that influence the hidden item ages: the published choice.

        All item flags; with corners also the robot's presence in cell (0, 0), as published.
        """
        layout = self._params.layout
        items = tuple(range(layout.size**2, layout.observation_size))
        return (0, *items) if layout.corners else items

    def hidden(self, state: State) -> jax.Array:
        """Item ages in observation order, -1 where there is none, int32[I]."""
        return dynamics.item_ages(state, self._params)

    def hidden_names(self) -> tuple[str, ...]:
        layout = self._params.layout
        return tuple(f"age of item {i}" for i in range(layout.observation_size - layout.size**2))

    def policies(self) -> dict[str, Policy]:
        """Reference policies that need no learning; see `envs_jax.warehouse.policies`."""
        pays_by_age = self._params.pay_by_age
        return {k: v for k, v in POLICIES.items() if v is not planner or not pays_by_age}

    def render(self, state: State, params: Params | None = None) -> np.ndarray:
        """The warehouse as a picture, uint8[H, W, 3]."""
        from envs_jax.warehouse.render import render

        return render(state, self._params if params is None else params)


def warehouse(**arguments: Any) -> Warehouse:
    """The paper's Warehouse, or one with another size, lifetime, item probability and so on."""
    return _variant(dynamics.WAREHOUSE, arguments)


def mini_warehouse(**arguments: Any) -> Warehouse:
    """The authors' small Warehouse with payment by age, or one with other numbers."""
    return _variant(dynamics.MINI_WAREHOUSE, arguments)


ARGUMENTS: dict[str, Rule] = {
    "size": Whole(3, 100, "a warehouse needs at least 3 x 3 cells"),
    "item_probability": Share(),
    "max_steps_in_episode": TIME_LIMIT,
    "lifetime": Whole(1, 1_000_000),
    "max_items": Maybe(Whole(0, 1_000_000)),
    "pay_by_age": Flag(),
    "respawn_cleared": Flag(),
    "legacy_removal": Flag(),
}
"""What each argument may be."""


def _variant(default: Params, arguments: dict[str, Any]) -> Warehouse:
    changes = check(arguments, ARGUMENTS)
    layout = dataclasses.replace(default.layout, size=changes.pop("size", default.layout.size))
    return Warehouse(default.replace(layout=layout, **changes))
