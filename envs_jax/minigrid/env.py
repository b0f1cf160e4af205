"""The MiniGrid tasks as environments: draws the randomness and adapts `dynamics` to the contract."""

from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.environment import Environment, Step, select
from envs_jax.minigrid import dynamics, view
from envs_jax.minigrid.dynamics import Params, State
from envs_jax.minigrid.policies import POLICIES, Policy
from envs_jax.minigrid.tasks import DoorKey, Memory, RedBlueDoors, Task

Observation = Literal["grey", "grid"]


class MiniGrid(Environment):
    """See `envs_jax.minigrid.dynamics` for the rules, `tasks` for the tasks and `view` for what is seen.

    The task decides array shapes, so it is read from the params given here and must not change between calls;
    the time limit may.

    Args:
      params: Task and time limit.
      observation: "grey" for one grey value per cell of the view, "grid" for minigrid's own image.
    """

    def __init__(self, params: Params | None = None, observation: Observation = "grey"):
        self._params = Params() if params is None else params
        self._grey = observation == "grey"

    @property
    def name(self) -> str:
        return self._params.task.name

    @property
    def default_params(self) -> Params:
        return self._params

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: State, action: jax.Array, params: Params | None = None) -> Step:
        """As `Environment.step`; only the next episode's layout is random, so the key is not split."""
        params = self._params if params is None else params
        stepped, reward, terminated = dynamics.step(state, action, params)
        truncated = self.is_truncated(stepped, params)
        state = select(terminated | truncated, self._first(key, params), stepped)
        info = {
            "terminated": terminated,
            "truncated": truncated,
            "final_observation": self._see(stepped),
        }
        return self._see(state), state, reward, terminated, truncated, info

    def step_env(
        self, key: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[jax.Array, State, jax.Array, jax.Array, dict[str, Any]]:
        state, reward, terminated = dynamics.step(state, action, params)
        return self._see(state), state, reward, terminated, {}

    def reset_env(self, key: jax.Array, params: Params) -> tuple[jax.Array, State]:
        state = self._first(key, params)
        return self._see(state), state

    def observe(self, key: jax.Array, state: State, action: jax.Array | None, params: Params) -> jax.Array:
        return self._see(state)

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

    def _see(self, state: State) -> jax.Array:
        return view.grey(state) if self._grey else view.image(state)

    @staticmethod
    def _first(key: jax.Array, params: Params) -> State:
        return dynamics.reset(jax.random.uniform(key, (params.task.num_draws,)), params)


def _environment(task: Task, **choices: Any) -> MiniGrid:
    """A task with minigrid's time limit; ``observation`` and ``max_steps_in_episode`` may be chosen.

    Raises:
      ValueError: A choice is unknown or impossible.
    """
    for name in choices:
        if name not in ("observation", "max_steps_in_episode"):
            raise ValueError(f"there is no {name!r} (but observation, max_steps_in_episode)")
    observation = choices.get("observation", "grey")
    steps = choices.get("max_steps_in_episode", task.max_steps)
    if observation not in get_args(Observation):
        raise ValueError(f"observation must be one of {get_args(Observation)}, not {observation!r}")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"max_steps_in_episode must be a whole number from 1, not {steps!r}")
    return MiniGrid(Params(max_steps_in_episode=steps, task=task), observation)


redbluedoors_6x6 = partial(_environment, RedBlueDoors(6))
redbluedoors_8x8 = partial(_environment, RedBlueDoors(8))
memory_s7 = partial(_environment, Memory(7))
doorkey_5x5 = partial(_environment, DoorKey(5))
doorkey_8x8 = partial(_environment, DoorKey(8))
