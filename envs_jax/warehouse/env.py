"""The Warehouse as an environment: draws the randomness and adapts `dynamics` to the contract."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.draws import uniforms
from envs_jax.environment import Environment, Step, select
from envs_jax.warehouse import dynamics
from envs_jax.warehouse.dynamics import Params, State
from envs_jax.warehouse.policies import POLICIES, Policy, planner


class Warehouse(Environment):
    """See `envs_jax.warehouse.dynamics` for the rules.

    The layout decides array shapes, so it is read from the params given here and must not change
    between calls; every other field of the params may.
    """

    def __init__(self, params: Params = dynamics.WAREHOUSE):
        self._params = params

    @property
    def name(self) -> str:
        return "warehouse" if self._params.layout.corners else "mini-warehouse"

    @property
    def default_params(self) -> Params:
        return self._params

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: State, action: jax.Array, params: Params | None = None) -> Step:
        """As `Environment.step`, at less than half its cost.

        The same draws spawn the items of the episode's last state and of the next episode's first, for only
        one of the two is ever lived in; and what the step returns is observed after that choice.
        """
        params = self._params if params is None else params
        draws = self._draw(key, params)
        stepped, reward = dynamics.step(state, action, draws, params)
        terminated = self.is_terminated(stepped, params)
        truncated = self.is_truncated(stepped, params)
        state = select(terminated | truncated, dynamics.reset(draws, params), stepped)
        info = {
            "terminated": terminated,
            "truncated": truncated,
            "final_observation": dynamics.observe(stepped, params),
        }
        return dynamics.observe(state, params), state, reward, terminated, truncated, info

    def step_env(
        self, key: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, dict[str, Any]]:
        state, reward = dynamics.step(state, action, self._draw(key, params), params)
        return (
            dynamics.observe(state, params),
            state,
            reward,
            self.is_terminated(state, params),
            {},
        )

    def reset_env(self, key: jax.Array, params: Params) -> tuple[jax.Array, State]:
        state = dynamics.reset(self._draw(key, params), params)
        return dynamics.observe(state, params), state

    def observe(self, key: jax.Array, state: State, action: jax.Array | None, params: Params) -> jax.Array:
        return dynamics.observe(state, params)

    def is_terminated(self, state: State, params: Params) -> jax.Array:
        """Never: the Warehouse ends only by its time limit."""
        return jnp.zeros((), bool)

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

    def policies(self) -> dict[str, Policy]:
        """Reference policies that need no learning; see `envs_jax.warehouse.policies`."""
        pays_by_age = self._params.pay_by_age
        return {k: v for k, v in POLICIES.items() if v is not planner or not pays_by_age}

    def render(self, state: State, params: Params | None = None) -> np.ndarray:
        """The warehouse as a picture, uint8[H, W, 3]."""
        from envs_jax.warehouse.render import render

        return render(state, self._params if params is None else params)

    @staticmethod
    def _draw(key: jax.Array, params: Params) -> jax.Array:
        return uniforms(key, params.layout.num_slots)


def warehouse(size: int = 7, **params: Any) -> Warehouse:
    """The paper's Warehouse, or one with another size, lifetime, item probability and so on."""
    return _variant(dynamics.WAREHOUSE, size, params)


def mini_warehouse(size: int = 5, **params: Any) -> Warehouse:
    """The authors' small Warehouse with payment by age, or one with other numbers."""
    return _variant(dynamics.MINI_WAREHOUSE, size, params)


def _variant(default: Params, size: int, changes: dict[str, Any]) -> Warehouse:
    if not isinstance(size, int):
        raise ValueError(f"size is a whole number, not {size!r}")
    layout = dynamics.Layout(size=size, corners=default.layout.corners)
    limits = {"max_steps_in_episode": 1, "lifetime": 1, "max_items": 0}
    for name, value in changes.items():
        if name == "item_probability":
            fits, wanted = _is_number(value) and 0 <= value <= 1, "lie in [0, 1]"
        elif name in limits:
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= limits[name]
            fits = whole or (name == "max_items" and value is None)
            wanted = f"be a whole number from {limits[name]}"
        elif name in ("pay_by_age", "respawn_cleared", "legacy_removal"):
            fits, wanted = isinstance(value, bool), "be true or false"
        else:
            known = ("size", "item_probability", *limits, "pay_by_age", "respawn_cleared", "legacy_removal")
            raise ValueError(f"there is no {name!r} (but {', '.join(known)})")
        if not fits:
            raise ValueError(f"{name} must {wanted}, not {value!r}")
    return Warehouse(default.replace(layout=layout, **changes))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
