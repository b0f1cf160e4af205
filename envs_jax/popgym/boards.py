"""Battleship and MineSweeper on a board that is not shown: only what the last shot or click found is.

Rules: ``popgym.envs.battleship`` and ``popgym.envs.minesweeper`` (popgym 1.0.7). Squares are (row, column).
"""

from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import Whole
from envs_jax.draws import uniforms
from envs_jax.environment import EnvParams, EnvState, Policy
from envs_jax.popgym import bits, board_policies
from envs_jax.popgym.base import PopGym

SHIPS = (2, 3, 3, 4)
"""Squares of each ship, in the order in which they are placed."""
SHIP_SQUARES = sum(SHIPS)
CLEAR, MINE, VIEWED = range(3)
"""Codes of a square of MineSweeper in its hidden state."""


class BattleshipState(EnvState):
    """``board``: where ships are, and ``guesses``: shots, as rows of bits, int32[N]; ``hit``: bool[]."""

    board: jax.Array
    guesses: jax.Array
    hit: jax.Array


class Battleship(PopGym):
    """Find four ships. Observation: whether the last shot hit a square not shot at before.

    A hit pays 1 / 12, for there are 12 squares of ships; everything else costs one over the number of other
    squares. The episode terminates with the last hit and is truncated after as many shots as squares.

    Args:
      name: As `envs_jax.make` has it.
      board_size: Rows and columns of the board, N.
    """

    LEVELS: ClassVar = {
        "easy": {"board_size": 8},
        "medium": {"board_size": 10},
        "hard": {"board_size": 12},
    }
    RULES: ClassVar = {"board_size": Whole(8, 30, "there must always be room for the last ship")}

    def __init__(self, name: str, board_size: int):
        super().__init__(name, longest=board_size**2, time_limit=board_size**2)
        self.size = board_size

    def draw(self, key: jax.Array, params: EnvParams) -> jax.Array:
        """A uniform number in [0, 1) for each ship, float32[4]."""
        return uniforms(key, len(SHIPS))

    def begin(self, draws: jax.Array, params: EnvParams) -> BattleshipState:
        return BattleshipState(
            time=jnp.int32(0),
            board=place_ships(draws, self.size),
            guesses=jnp.zeros(self.size, jnp.int32),
            hit=jnp.array(False),
        )

    def advance(
        self, draws: jax.Array, state: BattleshipState, action: jax.Array, params: EnvParams
    ) -> tuple[BattleshipState, jax.Array]:
        shot = bits.square(action[0], action[1], self.size)
        hit = (shot & state.board & ~state.guesses != 0).any()
        reward = jnp.where(hit, 1 / SHIP_SQUARES, -1 / (self.size**2 - SHIP_SQUARES)).astype(jnp.float32)
        return state.replace(time=state.time + 1, guesses=state.guesses | shot, hit=hit), reward

    def observe(self, state: BattleshipState, params: EnvParams) -> jax.Array:
        """1 for a hit, int32[]."""
        return state.hit.astype(jnp.int32)

    def is_terminated(self, state: BattleshipState, params: EnvParams) -> jax.Array:
        return (state.board & ~state.guesses == 0).all()

    def opening(self, params: EnvParams) -> jax.Array:
        return jnp.int32(0)

    def action_space(self, params: Any = None) -> spaces.MultiDiscrete:
        return spaces.MultiDiscrete((self.size, self.size))

    def observation_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(2)

    def hidden(self, state: BattleshipState) -> dict[str, jax.Array]:
        """``board`` with the ships and ``guesses``, int32[N, N] each; ``last_obs``, int32[]."""
        board, guesses = (bits.unpack(rows, self.size) for rows in (state.board, state.guesses))
        return {
            "board": board.astype(jnp.int32),
            "guesses": guesses.astype(jnp.int32),
            "last_obs": state.hit.astype(jnp.int32),
        }

    def policies(self) -> dict[str, Policy]:
        return {
            **super().policies(),
            "perfect memory": partial(board_policies.hunt_ships, self.size, SHIPS),
            "state known": partial(board_policies.shoot_ships, self.size),
        }

    def render(self, state: BattleshipState, params: Any = None) -> np.ndarray:
        """Ships grey, hits red, misses as rings, uint8[H, W, 3]."""
        from envs_jax.popgym.pictures import battleship

        return battleship(np.asarray(self.hidden(state)["board"]), np.asarray(self.hidden(state)["guesses"]))


def place_ships(draws: jax.Array, size: int) -> jax.Array:
    """Ships one after the other, each anywhere that is free, all places alike, int32[size] rows of bits.

    popgym draws one end and a direction until the ship fits. Every place has two ends and so two such draws,
    whence all places that fit are equally likely.

    Args:
      draws: Uniform in [0, 1), float[4].
      size: Rows and columns of the board.
    """
    board = jnp.zeros(size, jnp.int32)
    for draw, length in zip(draws, SHIPS, strict=True):
        free = ~board & ((1 << size) - 1)
        across = downwards = free  # squares where a ship may have its left end, or its upper end
        for i in range(1, length):
            across, downwards = across & (free >> i), downwards & bits.down(free, -i)
        row, column = bits.pick(jnp.concatenate([across, downwards]), draw, size)
        lies = row < size
        first = jnp.where(lies, row, row - size)
        rows = np.arange(size)
        inside = (rows >= first) & (rows < first + jnp.where(lies, 1, length))
        board = board | jnp.where(inside, jnp.where(lies, (1 << length) - 1, 1) << column, 0)
    return board


class MineSweeperState(EnvState):
    """``mines``, ``viewed``: rows of bits, int32[N]; ``seen``: mines counted, int32[]; ``exploded``."""

    mines: jax.Array
    viewed: jax.Array
    seen: jax.Array
    exploded: jax.Array


class MineSweeper(PopGym):
    """Click every square without a mine. Observation: mines within the 3 x 3 squares around the last click.

    That count includes the square itself. With C clear squares, a new one pays 1 / C, one seen before costs
    0.5 / (C - 2), and a mine costs 0.5 + 1 / C and terminates the episode, as does the last clear square.
    After C clicks it is truncated, unless the last of them terminated it.

    Args:
      name: As `envs_jax.make` has it.
      dims: Rows and columns of the board, N.
      num_mines: Mines on it, M.

    Raises:
      ValueError: There are too many mines.
    """

    LEVELS: ClassVar = {
        "easy": {"dims": 4, "num_mines": 2},
        "medium": {"dims": 6, "num_mines": 6},
        "hard": {"dims": 8, "num_mines": 10},
    }
    RULES: ClassVar = {"dims": Whole(2, 30), "num_mines": Whole(1, 200)}

    def __init__(self, name: str, dims: int, num_mines: int):
        self.size, self.num_mines, self.num_clear = dims, num_mines, dims**2 - num_mines
        if self.num_clear < 3:
            raise ValueError(
                f"num_mines must leave at least 3 of the {dims**2} squares clear, not {self.num_clear}"
            )
        super().__init__(name, longest=self.num_clear, time_limit=self.num_clear)

    def draw(self, key: jax.Array, params: EnvParams) -> jax.Array:
        """A uniform number in [0, 1) for each mine, float32[M]."""
        return uniforms(key, self.num_mines)

    def begin(self, draws: jax.Array, params: EnvParams) -> MineSweeperState:
        return MineSweeperState(
            time=jnp.int32(0),
            mines=place_mines(draws, self.size),
            viewed=jnp.zeros(self.size, jnp.int32),
            seen=jnp.int32(0),
            exploded=jnp.array(False),
        )

    def advance(
        self, draws: jax.Array, state: MineSweeperState, action: jax.Array, params: EnvParams
    ) -> tuple[MineSweeperState, jax.Array]:
        row, column = action
        click = bits.square(row, column, self.size)
        mine, again = ((click & rows != 0).any() for rows in (state.mines, state.viewed))
        clear = self.num_clear
        reward = jnp.where(mine, -0.5 - 1 / clear, jnp.where(again, -0.5 / (clear - 2), 1 / clear))
        near = click | bits.down(click, 1) | bits.down(click, -1)
        near = near | near << 1 | near >> 1
        state = state.replace(
            time=state.time + 1,
            viewed=jnp.where(mine, state.viewed, state.viewed | click),
            seen=bits.count(state.mines & near),
            exploded=mine,
        )
        return state, reward.astype(jnp.float32)

    def observe(self, state: MineSweeperState, params: EnvParams) -> jax.Array:
        """Mines around the last click, 0 before the first, int32[]."""
        return state.seen

    def is_terminated(self, state: MineSweeperState, params: EnvParams) -> jax.Array:
        everything = (1 << self.size) - 1
        return state.exploded | ((state.mines | state.viewed) == everything).all()

    def is_truncated(self, state: MineSweeperState, params: EnvParams) -> jax.Array:
        return (state.time >= params.max_steps_in_episode) & ~self.is_terminated(state, params)

    def opening(self, params: EnvParams) -> jax.Array:
        return jnp.int32(0)

    def action_space(self, params: Any = None) -> spaces.MultiDiscrete:
        return spaces.MultiDiscrete((self.size, self.size))

    def observation_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(min(self.num_mines + 1, 10))

    def hidden(self, state: MineSweeperState) -> dict[str, jax.Array]:
        """``hidden_grid``: 0 clear, 1 mine, 2 viewed, row by row, int32[N * N]."""
        mines, viewed = (bits.unpack(rows, self.size) for rows in (state.mines, state.viewed))
        return {"hidden_grid": jnp.where(viewed, VIEWED, mines).astype(jnp.int32).reshape(-1)}

    def policies(self) -> dict[str, Policy]:
        return {
            **super().policies(),
            "perfect memory": partial(board_policies.sweep_by_logic, self.size, self.num_mines),
            "state known": partial(board_policies.click_clear, self.size),
        }

    def render(self, state: MineSweeperState, params: Any = None) -> np.ndarray:
        """Viewed squares light, with as many dots as mines around; mines red, uint8[H, W, 3]."""
        from envs_jax.popgym.pictures import minesweeper

        return minesweeper(np.asarray(self.hidden(state)["hidden_grid"]).reshape(self.size, self.size))


def place_mines(draws: jax.Array, size: int) -> jax.Array:
    """Mines on different squares, every set of squares equally likely, int32[size] rows of bits.

    By Floyd's algorithm (Bentley and Floyd 1987, "A sample of brilliance"): one draw for each mine.

    Args:
      draws: Uniform in [0, 1), float[M].
      size: Rows and columns of the board.
    """
    board = jnp.zeros(size, jnp.int32)
    for i, draw in enumerate(draws):
        last = size**2 - len(draws) + i
        cell = (draw * (last + 1)).astype(jnp.int32)
        taken = bits.has(board, cell // size, cell % size)
        cell = jnp.where(taken, last, cell)
        board = board | bits.square(cell // size, cell % size, size)
    return board
