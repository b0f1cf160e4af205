"""RockSample: which of the rocks are worth a sample? A noisy sensor tells, and the nearer the better.

The rules of Smith and Simmons 2004, "Heuristic search value iteration for POMDPs", in the form that POBAX
(Tao et al. 2025, "Benchmarking partial observability in reinforcement learning with a suite of
memory-improvable domains") trains agents in. Where the two differ, POBAX's is here, and the other is named.

- The field has ``size`` x ``size`` cells. The ``rocks`` lie where they lie in all episodes, and nothing shows
  where: the agent learns it (both). They are drawn by ``layout`` among all columns but the last (POBAX; the
  published maps of the older papers are drawings).
- Each rock is good or bad with probability 1/2, anew in each episode (both).
- The agent begins in any cell but those of the last column (POBAX; Smith and Simmons begin at a fixed one).
- North, east, south, west move by a cell; who would leave the field stays (POBAX).
- Sample earns 10 on a good rock, which then is bad, and -10 on a bad one (both); 0 where none is (POBAX).
- Check i reads rock i from where the agent stands. The reading is right with probability
  (1 + 2^(-d / d0)) / 2 at the Euclidean distance d (both), with d0 = 20 (``half_distance``; POBAX): 1 on the
  rock, 0.75 at d0, and 0.5 far away. It costs nothing.
- To reach the last column earns 10 and ends the episode (POBAX; Smith and Simmons end it where the agent
  leaves the field to the east).
- A time limit of 1,000 steps (POBAX's number).

Each good rock is worth 10 whenever it is sampled, so the return of who knows all of them is 10 for each good
one and 10 for leaving.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, Whole, check
from envs_jax.draws import uniforms
from envs_jax.environment import Environment, EnvParams, EnvState, Policy

NORTH, EAST, SOUTH, WEST, SAMPLE, CHECK = range(6)
"""Actions; CHECK is that of the first rock, and those of the others follow."""
MOVES = np.array([[-1, 0], [0, 1], [1, 0], [0, -1], [0, 0]])
"""Rows and columns of each move, and of everything else."""
GOOD, BAD, EXIT = 10.0, -10.0, 10.0
RULES = {
    "size": Whole(2, 100),
    "rocks": Whole(1, 1000),
    "layout": Whole(0, 2**31 - 1),
    "half_distance": Whole(1, 1_000_000),
    "max_steps_in_episode": TIME_LIMIT,
}
PIXELS = 12
"""Of a cell in a picture."""


class State(EnvState):
    """One episode.

    Attributes:
      position: Row and column, int32[2].
      good: Whether a sample of each rock would pay, bool[K].
      reading: Of the last action: 1 good, -1 bad, and 0 for rocks that were not checked, int32[K].
    """

    position: jax.Array
    good: jax.Array
    reading: jax.Array


class Params(EnvParams):
    """``half_distance``: d0 of the sensor, in cells. ``layout`` draws the map of ``size`` and ``rocks``."""

    max_steps_in_episode: int = 1000
    half_distance: float = struct.field(default=20.0)
    size: int = struct.field(pytree_node=False, default=11)
    rocks: int = struct.field(pytree_node=False, default=11)
    layout: int = struct.field(pytree_node=False, default=0)


class RockSample(Environment):
    """Observations are row and column one-hot and the reading of each rock, float32[2 * size + K], K rocks.

    Actions are north, east, south, west, sample, and check of each rock, 5 + K.

    Args:
      name: What it is called.
      size: Cells of a side.
      rocks: K.
      layout: Seed of the map.
      half_distance: At this distance a reading is right with probability 0.75, in cells.
      max_steps_in_episode: The time limit.

    Raises:
      ValueError: A number is out of range, or there are more rocks than cells for them.
    """

    shares_key = True

    def __init__(
        self,
        name: str = "rocksample-11",
        size: int = 11,
        rocks: int = 11,
        layout: int = 0,
        half_distance: int = 20,
        max_steps_in_episode: int = 1000,
    ):
        field = {"size": size, "rocks": rocks, "layout": layout}
        check(field | {"half_distance": half_distance, "max_steps_in_episode": max_steps_in_episode}, RULES)
        if rocks > (cells := size * (size - 1)):
            raise ValueError(f"rocks must be at most {cells} on a field of size {size}, not {rocks}")
        self._name = name
        self._params = Params(max_steps_in_episode, half_distance=float(half_distance), **field)
        # NumPy promises that this generator draws the same in all its versions.
        drawn = np.random.RandomState(layout).permutation(cells)[:rocks]
        self.places = np.stack(np.divmod(drawn, size - 1), axis=1).astype(np.int32)
        """Row and column of each rock, int32[K, 2]."""

    @property
    def name(self) -> str:
        return self._name

    @property
    def default_params(self) -> Params:
        return self._params

    def draw(self, key: jax.Array, params: Params) -> jax.Array:
        """Uniform numbers: the sensor's, that of the first cell, and one for each rock, float32[2 + K]."""
        return uniforms(key, 2 + params.rocks)

    def begin(self, draws: jax.Array, params: Params) -> State:
        cell = (draws[1] * (params.size * (params.size - 1))).astype(jnp.int32)
        return State(
            time=jnp.int32(0),
            position=jnp.stack(jnp.divmod(cell, params.size - 1)),
            good=draws[2:] < 0.5,
            reading=jnp.zeros(params.rocks, jnp.int32),
        )

    def advance(
        self, draws: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[State, jax.Array]:
        step = jnp.array(MOVES, jnp.int32)[jnp.minimum(action, SAMPLE)]
        position = jnp.clip(state.position + step, 0, params.size - 1)
        sampled = (action == SAMPLE) & (self.places == state.position).all(1)
        reward = jnp.where(sampled, jnp.where(state.good, GOOD, BAD), 0.0).sum()
        reward += jnp.where(position[1] == params.size - 1, EXIT, 0.0)
        right = draws[0] < self.accuracy(state.position, params)
        read = jnp.where(state.good == right, 1, -1)
        reading = jnp.where(jnp.arange(params.rocks) == action - CHECK, read, 0)
        good = state.good & ~sampled
        state = state.replace(time=state.time + 1, position=position, good=good, reading=reading)
        return state, reward.astype(jnp.float32)

    def accuracy(self, position: jax.Array, params: Params) -> jax.Array:
        """Probability that a reading of each rock is right from a position int[2], float32[K]."""
        distance = jnp.sqrt(((self.places - position) ** 2).sum(1).astype(jnp.float32))
        return (1 + 2 ** (-distance / params.half_distance)) / 2

    def observe(self, state: State, params: Params) -> jax.Array:
        where = jax.nn.one_hot(state.position, params.size, dtype=jnp.float32).reshape(-1)
        return jnp.concatenate([where, state.reading.astype(jnp.float32)])

    def is_terminated(self, state: State, params: Params) -> jax.Array:
        return state.position[1] == params.size - 1

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(CHECK + self._params.rocks)

    def observation_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(-1.0, 1.0, (2 * self._params.size + self._params.rocks,))

    def d_set(self, params: Any = None) -> tuple[int, ...]:
        """All of it: what a reading is worth, and which rock has been sampled, is seen from the position."""
        return tuple(range(2 * self._params.size + self._params.rocks))

    def hidden(self, state: State) -> jax.Array:
        """Which rocks are good, bool[K]."""
        return state.good

    def policies(self) -> dict[str, Policy]:
        return {
            "random": lambda key, state, params: self.action_space().sample(key),
            "leaves at once": lambda key, state, params: jnp.int32(EAST),
            "knows the rocks, nearest first": partial(nearest_good_rock, jnp.array(self.places)),
        }

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """The field, good rocks green and bad ones red, the last column light, the agent white."""
        size = self._params.size
        field = np.full((size, size, 3), 60, np.uint8)
        field[:, -1] = 130
        field[self.places[:, 0], self.places[:, 1]] = np.where(
            np.asarray(state.good)[:, None], (80, 200, 120), (200, 80, 80)
        )
        picture = field.repeat(PIXELS, 0).repeat(PIXELS, 1)
        row, column = np.asarray(state.position) * PIXELS + PIXELS // 4
        picture[row : row + PIXELS // 2, column : column + PIXELS // 2] = 255
        return picture


def nearest_good_rock(places: jax.Array, key: jax.Array, state: State, params: Params) -> jax.Array:
    """Samples one good rock after the other, the nearest first, and leaves."""
    there = places - state.position
    distance = jnp.abs(there).sum(1)
    row, column = there[jnp.argmin(jnp.where(state.good, distance, 2 * params.size))]
    along = jnp.where(column == 0, SAMPLE, jnp.where(column > 0, EAST, WEST))
    action = jnp.where(row == 0, along, jnp.where(row > 0, SOUTH, NORTH))
    return jnp.where(state.good.any(), action, EAST).astype(jnp.int32)


def rocksample_11(**arguments: Any) -> RockSample:
    """POBAX's smaller field: 11 x 11 with 11 rocks, or one with other numbers."""
    return RockSample("rocksample-11", **{"size": 11, "rocks": 11} | check(arguments, RULES))


def rocksample_15(**arguments: Any) -> RockSample:
    """POBAX's larger field: 15 x 15 with 15 rocks, or one with other numbers."""
    return RockSample("rocksample-15", **{"size": 15, "rocks": 15} | check(arguments, RULES))
