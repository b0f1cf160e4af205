"""LabyrinthEscape and LabyrinthExplore: a maze of which the 3 x 3 squares around the agent are seen.

Rules: ``popgym.core.maze``, ``popgym.envs.labyrinth_escape`` and ``labyrinth_explore`` (popgym 1.0.7), and
``mazelib`` for the mazes. Squares are (row, column). While the agent walks in one maze the next one grows, a
cell per step: a whole maze in every step, for the few that end with it, would cost many times the step.
"""

from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import Rule
from envs_jax.draws import uniforms
from envs_jax.environment import EnvParams, EnvState, Policy
from envs_jax.popgym import bits, maze_policies
from envs_jax.popgym.base import PopGym
from envs_jax.popgym.hunt_and_kill import STEPS, Growth, finish, grow, start

FREE, WALL, START, GOAL, HIDDEN = range(5)
"""Codes of a square."""
NO_ACTION = 4
"""What the first observation shows as the last action."""
EPISODE_LENGTH = 1024
"""popgym's own number: an episode is truncated one step before it."""


class State(EnvState):
    """The maze and the agent in it.

    Attributes:
      walls: Rows of bits, and all ones beyond the last column, int32[H].
      explored: Squares where the agent has been, rows of bits, int32[H].
      position: int32[2].
      entrance: Where the agent began, int32[2].
      exit: The square on the opposite side, int32[2].
      last_action: 0 left, 1 right, 2 up, 3 down, 4 none yet, int32[].
      growth: The next episode's maze.
    """

    walls: jax.Array
    explored: jax.Array
    position: jax.Array
    entrance: jax.Array
    exit: jax.Array
    last_action: jax.Array
    growth: Growth


class Labyrinth(PopGym):
    """What both tasks share; they differ in reward and end, and in whether the exit is open.

    Observations: the 3 x 3 squares around the agent, row by row (0 free, 1 wall, 2 entrance, 3 exit), and the
    last action, int32[10]. In the first row or column of the maze, where there is nothing above or to the
    left, the view is not around the agent: popgym moves it one square, and shows the third row or column of
    squares as wall.

    Args:
      name: As `envs_jax.make` has it.
      maze_dims: Side of the maze without one of its outer walls, twice as many squares as cells.
    """

    LEVELS: ClassVar = {
        "easy": {"maze_dims": 10},
        "medium": {"maze_dims": 14},
        "hard": {"maze_dims": 18},
    }
    RULES: ClassVar = {
        "maze_dims": Rule("be an even number from 6 to 28", lambda value: value in range(6, 29, 2))
    }
    shares_key = False  # the maze that has just grown must not meet the same draws again
    has_exit: bool

    def __init__(self, name: str, maze_dims: int):
        super().__init__(name, longest=EPISODE_LENGTH - 1, time_limit=EPISODE_LENGTH - 1)
        self.side = maze_dims + 1

    def begin(self, key: jax.Array, params: EnvParams) -> State:
        key_start, key = jax.random.split(key)
        return self._begin_in(start(uniforms(key_start, 2), self.side // 2), key, wanted=True)

    def begin_after(self, key: jax.Array, last: State, params: EnvParams) -> State:
        """The next episode, in the maze that grew meanwhile."""
        ended = self.is_terminated(last, params) | self.is_truncated(last, params)
        return self._begin_in(last.growth, key, ended)

    def _begin_in(self, growth: Growth, key: jax.Array, wanted: jax.Array | bool) -> State:
        draws = uniforms(key, 5)
        walls = finish(growth, key, wanted).walls
        entrance, exit = doors(draws[:3], self.side)
        opened = bits.square(entrance[0], entrance[1], self.side)
        walls = walls & ~opened
        if self.has_exit:
            walls = walls & ~bits.square(exit[0], exit[1], self.side)
        return State(
            time=jnp.int32(0),
            walls=walls,
            explored=opened,
            position=entrance,
            entrance=entrance,
            exit=exit,
            last_action=jnp.int32(NO_ACTION),
            growth=start(draws[3:], self.side // 2),
        )

    def advance(
        self, key: jax.Array, state: State, action: jax.Array, params: EnvParams
    ) -> tuple[State, jax.Array]:
        position = self.move(state, action)
        here = bits.square(position[0], position[1], self.side)
        is_new = (here & ~state.explored != 0).any()
        moved = state.replace(
            time=state.time + 1,
            explored=state.explored | here,
            position=position,
            last_action=action.astype(jnp.int32),
            growth=grow(state.growth, uniforms(key, 3)),
        )
        return moved, self.reward(moved, is_new).astype(jnp.float32)

    def move(self, state: State, action: jax.Array) -> jax.Array:
        """The position after an action: walls and the maze's end stop the agent, int32[2]."""
        change = (STEPS * (np.arange(4)[:, None] == action)).sum(0)
        ahead = jnp.clip(state.position + change, 0, self.side - 1)
        return jnp.where(bits.has(state.walls, ahead[0], ahead[1]), state.position, ahead)

    def reward(self, state: State, is_new: jax.Array) -> jax.Array:
        """For a step to a state, on a square that the agent had not entered before or had."""
        raise NotImplementedError

    def free(self, state: State) -> jax.Array:
        """What is no wall, rows of bits, int32[H]."""
        return ~state.walls & ((1 << self.side) - 1)

    def observe(self, state: State, params: EnvParams) -> jax.Array:
        first = jnp.maximum(state.position - 1, 0)
        rows, columns = first[0] + np.arange(3), first[1] + np.arange(3)
        within = np.arange(self.side) == rows[:, None]
        # A row that does not exist is wall, and so is the third where the view was moved.
        exists = (rows < self.side) & ((state.position[0] > 0) | (np.arange(3) < 2))
        seen = jnp.where(exists, jnp.where(within, state.walls, 0).sum(1, jnp.int32), -1)
        wall = (seen[:, None] >> columns) & 1 == 1
        wall = wall | ((state.position[1] == 0) & (np.arange(3) == 2))
        codes = self._codes(wall, rows[:, None], columns, state)
        return jnp.append(codes.reshape(-1), state.last_action)

    def _codes(self, wall: jax.Array, rows: Any, columns: Any, state: State) -> jax.Array:
        """Squares as the agent sees them, int32."""
        codes = wall.astype(jnp.int32)
        at_entrance = (rows == state.entrance[0]) & (columns == state.entrance[1])
        codes = jnp.where(at_entrance & ~wall, START, codes)
        if self.has_exit:
            at_exit = (rows == state.exit[0]) & (columns == state.exit[1])
            codes = jnp.where(at_exit & ~wall, GOAL, codes)
        return codes

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """0 left, 1 right, 2 up, 3 down."""
        return spaces.Discrete(4)

    def observation_space(self, params: Any = None) -> spaces.MultiDiscrete:
        return spaces.MultiDiscrete((5,) * 10)

    def hidden(self, state: State) -> dict[str, jax.Array]:
        """``grid``: squares where the agent has been, 4 for all others, int32[H, H]."""
        squares = np.arange(self.side)
        codes = self._codes(bits.unpack(state.walls, self.side), squares[:, None], squares, state)
        return {"grid": jnp.where(bits.unpack(state.explored, self.side), codes, HIDDEN)}

    def policies(self) -> dict[str, Policy]:
        return {
            **super().policies(),
            "without memory": partial(maze_policies.follow_wall, self),
            "state known": partial(maze_policies.shortest_way, self),
        }

    def targets(self, state: State) -> jax.Array:
        """Squares that are worth reaching, rows of bits, int32[H]."""
        raise NotImplementedError

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """The maze from above, where the agent has been in blue, uint8[H, W, 3]."""
        from envs_jax.popgym.pictures import labyrinth

        squares = np.arange(self.side)
        walls, explored = (bits.unpack(rows, self.side) for rows in (state.walls, state.explored))
        codes = self._codes(walls, squares[:, None], squares, state)
        return labyrinth(np.asarray(codes), np.asarray(explored), np.asarray(state.position))


class LabyrinthEscape(Labyrinth):
    """Find the exit: it pays 1 and terminates the episode, and every step costs 1 / 1024."""

    has_exit = True

    def reward(self, state: State, is_new: jax.Array) -> jax.Array:
        return self.is_terminated(state, None) - 1 / EPISODE_LENGTH

    def is_terminated(self, state: State, params: Any) -> jax.Array:
        return (state.position == state.exit).all()

    def targets(self, state: State) -> jax.Array:
        return bits.square(state.exit[0], state.exit[1], self.side)


class LabyrinthExplore(Labyrinth):
    """Enter every square: a new one pays 1 / F for F free ones, any other step costs 1 / 1024."""

    has_exit = False

    def reward(self, state: State, is_new: jax.Array) -> jax.Array:
        free = bits.count(self.free(state)) - 1  # without the entrance
        return jnp.where(is_new, 1 / free, -1 / EPISODE_LENGTH)

    def is_terminated(self, state: State, params: Any) -> jax.Array:
        return (self.free(state) == state.explored).all()

    def targets(self, state: State) -> jax.Array:
        return self.free(state) & ~state.explored


def doors(draws: jax.Array, side: int) -> tuple[jax.Array, jax.Array]:
    """Entrance on any of the four outer walls and exit on the one opposite, int32[2] each.

    Args:
      draws: Uniform in [0, 1), float[3].
      side: Squares along one side of the maze.
    """
    wall = (draws[0] * 4).astype(jnp.int32)  # north, south, west, east
    along = 1 + 2 * (draws[1:] * (side // 2)).astype(jnp.int32)
    across = jnp.where(wall % 2 == 0, jnp.array([0, side - 1]), jnp.array([side - 1, 0]))
    by_rows = jnp.stack([across, along], 1)
    entrance, exit = jnp.where(wall < 2, by_rows, by_rows[:, ::-1])
    return entrance, exit
