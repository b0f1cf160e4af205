"""A T-maze of any length, with distractors: one bit must be remembered from the first step to the last.

The walk along the corridor goes on by itself. The hint, left or right, is shown in the first observation
only. At the junction, ``length`` steps later, the agent turns and the episode ends: it earns 1 for the side
of the hint and -1 for the other. In every step ``distractors`` coins are tossed, which mean nothing. An agent
without memory earns 0 (after Bakker 2002, "Reinforcement learning with long short-term memory").
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.arguments import LONGEST, TIME_LIMIT, Maybe, Whole, check
from envs_jax.environment import Environment, EnvParams, EnvState, Policy

RULES = {
    "length": Whole(1, 100_000),
    "distractors": Whole(0, 1000),
    "max_steps_in_episode": Maybe(TIME_LIMIT),
}
LEFT, RIGHT = 0, 1
HINT = (0, 1)
"""Indices of the observation that show the hint, and then whether this is the junction."""
JUNCTION = 2
SHOWN = 40
"""Steps of the corridor that a picture has room for."""


class State(EnvState):
    """``goal``: 0 left, 1 right, int32[]; ``coins``: bool[D]."""

    goal: jax.Array
    coins: jax.Array


class Params(EnvParams):
    """``length``: steps to the junction."""

    max_steps_in_episode: int = LONGEST
    length: int = struct.field(default=10)


class TMaze(Environment):
    """Observations are hint left, hint right, junction, and the coins, float32[3 + D]; actions the sides.

    Args:
      length: Steps to the junction.
      distractors: Coins, D.
      max_steps_in_episode: The time limit; by default none, for the task ends at the junction.

    Raises:
      ValueError: A number is out of range.
    """

    def __init__(self, length: int = 10, distractors: int = 8, max_steps_in_episode: int | None = None):
        given = {"length": length, "distractors": distractors, "max_steps_in_episode": max_steps_in_episode}
        check(given, RULES)
        self._distractors = distractors
        self._params = Params(max_steps_in_episode=max_steps_in_episode or LONGEST, length=length)

    @property
    def name(self) -> str:
        return "tmaze"

    @property
    def default_params(self) -> Params:
        return self._params

    def begin(self, key: jax.Array, params: Params) -> State:
        key_goal, key_coins = jax.random.split(key)
        goal = jax.random.bernoulli(key_goal).astype(jnp.int32)
        return State(time=jnp.int32(0), goal=goal, coins=self._toss(key_coins))

    def advance(
        self, key: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[State, jax.Array]:
        paid = jnp.where(action == state.goal, 1.0, -1.0)
        reward = jnp.where(state.time == params.length, paid, 0.0).astype(jnp.float32)
        return state.replace(time=state.time + 1, coins=self._toss(key)), reward

    def observe(self, state: State, params: Params) -> jax.Array:
        hint = jax.nn.one_hot(state.goal, 2) * (state.time == 0)
        junction = (state.time == params.length).astype(jnp.float32)
        return jnp.concatenate([hint, junction[None], state.coins.astype(jnp.float32)])

    def is_terminated(self, state: State, params: Params) -> jax.Array:
        return state.time > params.length

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(2)

    def observation_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(0.0, 1.0, (3 + self._distractors,))

    def d_set(self, params: Any = None) -> tuple[int, ...]:
        """The hint: the junction need not be remembered, and the coins must not be."""
        return HINT

    def hidden(self, state: State) -> dict[str, jax.Array]:
        return {"goal": state.goal}

    def policies(self) -> dict[str, Policy]:
        return {
            "remembers the hint": lambda key, state, params: state.goal,
            "random": lambda key, state, params: jax.random.bernoulli(key).astype(jnp.int32),
        }

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """The corridor and its two ends, the agent white; of a long one, as much as there is room for."""
        length = int((self._params if params is None else params).length)
        cells = min(length, SHOWN)
        maze = np.full((3, cells + 1, 3), 30, np.uint8)
        maze[1], maze[:, -1] = 90, 90
        maze[2 * int(state.goal), -1] = (80, 200, 120)
        maze[1, min(int(state.time), length) * cells // length] = 255
        return maze.repeat(16, 0).repeat(16, 1)

    def _toss(self, key: jax.Array) -> jax.Array:
        return jax.random.bernoulli(key, shape=(self._distractors,))
