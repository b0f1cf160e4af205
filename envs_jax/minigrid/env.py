"""The MiniGrid tasks as environments: draws the randomness and adapts `dynamics` to the contract."""

from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, OneOf, Rule, check
from envs_jax.environment import Environment
from envs_jax.minigrid import dynamics, view
from envs_jax.minigrid.dynamics import Params, State
from envs_jax.minigrid.policies import POLICIES, Policy
from envs_jax.minigrid.tasks import DoorKey, Memory, RedBlueDoors, Task

Observation = Literal["grey", "grid"]
ARGUMENTS: dict[str, Rule] = {
    "observation": OneOf(get_args(Observation)),
    "max_steps_in_episode": TIME_LIMIT,
}
"""What each argument may be."""


class MiniGrid(Environment):
    """See `envs_jax.minigrid.dynamics` for the rules, `tasks` for the tasks and `view` for what is seen.

    The task decides array shapes, so it is read from the params given here and must not change between calls;
    the time limit may.

    Args:
      params: Task and time limit.
      observation: "grey" for one grey value per cell of the view, "grid" for minigrid's own image.
    """

    shares_key = True

    def __init__(self, params: Params | None = None, observation: Observation = "grey"):
        self._params = Params() if params is None else params
        self._grey = observation == "grey"

    @property
    def name(self) -> str:
        return self._params.task.name

    @property
    def default_params(self) -> Params:
        return self._params

    def begin(self, key: jax.Array, params: Params) -> State:
        """A layout of the task, drawn anew for each episode."""
        return dynamics.reset(jax.random.uniform(key, (params.task.num_draws,)), params)

    def advance(
        self, key: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[State, jax.Array]:
        """One step of the rules, which draw nothing; see `dynamics.step`."""
        state, reward, _ = dynamics.step(state, action, params)
        return state, reward

    def observe(self, state: State, params: Params) -> jax.Array:
        """The 7 x 7 cells before the agent, as `view.grey` or `view.image` shows them."""
        return view.grey(state) if self._grey else view.image(state)

    def is_terminated(self, state: State, params: Params) -> jax.Array:
        """Success or failure; see the task's ``judge``."""
        return params.task.judge(state.grid, state.position)[0]

    def action_space(self, params: Params | None = None) -> spaces.Discrete:
        """0 left, 1 right, 2 forward, 3 pickup, 4 drop, 5 toggle, 6 done."""
        return spaces.Discrete(dynamics.NUM_ACTIONS)

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        if self._grey:
            return spaces.Box(0.0, 1.0, (view.SIZE**2,))
        # Codes and no brightness, so not uint8, which networks read as 0 to 255.
        return spaces.Box(0, 10, (view.SIZE, view.SIZE, 3), jnp.int8)

    def policies(self) -> dict[str, Policy]:
        """Reference policies that need no learning; see `envs_jax.minigrid.policies`."""
        return dict(POLICIES)

    def render(self, state: State, params: Params | None = None) -> np.ndarray:
        """The grid as a picture, what the agent sees in full light, uint8[H, W, 3]."""
        from envs_jax.minigrid.render import render

        return render(state)


def _environment(task: Task, **choices: Any) -> MiniGrid:
    """A task with minigrid's time limit; ``observation`` and ``max_steps_in_episode`` may be chosen.

    Raises:
      ValueError: A choice is unknown or impossible.
    """
    checked = check(choices, ARGUMENTS)
    steps = checked.get("max_steps_in_episode", task.max_steps)
    params = Params(max_steps_in_episode=steps, task=task)
    return MiniGrid(params, checked.get("observation", "grey"))


redbluedoors_6x6 = partial(_environment, RedBlueDoors(6))
redbluedoors_8x8 = partial(_environment, RedBlueDoors(8))
memory_s7 = partial(_environment, Memory(7))
doorkey_5x5 = partial(_environment, DoorKey(5))
doorkey_8x8 = partial(_environment, DoorKey(8))
