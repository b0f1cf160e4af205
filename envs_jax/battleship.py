"""Battleship for one player: sink all ships with few shots, remembering where the last ones fell.

The rules of POBAX (Tao et al. 2025, "Benchmarking partial observability in reinforcement learning with a
suite of memory-improvable domains"), after Silver and Veness 2010, "Monte-Carlo planning in large POMDPs":

- Ships of 5, 4, 3 and 2 cells lie in a sea of 10 x 10. One after the other, from the longest to the shortest,
  is laid across or down with probability 1/2 each, and there at any place that is free, all with the same
  probability (POBAX; ships may touch, which those of Silver and Veness may not).
- An action is a shot at a cell. Cells that have been shot at are not legal again (both); such a shot would
  hit nothing.
- The agent sees whether its last shot hit a ship, and which shot that was (POBAX shows the first of it, and
  appends the last action to all observations), not the sea.
- Each shot costs 1, but the one with which all ships are sunk earns as much as the sea has cells, 100, and
  ends the episode (POBAX). So the return is 101 less the number of shots, at best 87.
- A time limit of 1,000 steps (POBAX's number), which legal shots do not reach.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, Whole, check
from envs_jax.draws import uniforms
from envs_jax.environment import Environment, EnvParams, EnvState, Policy

SHIPS = (5, 4, 3, 2)
"""Their lengths, in the order in which they are laid."""
RULES = {
    "size": Whole(6, 30, "on a smaller sea a ship may find no place"),
    "max_steps_in_episode": TIME_LIMIT,
}
LOTS, CELLS = 2**17, 2**10
"""Different lots, and cells that one may belong to; eight times as many still fit into int32."""
PIXELS = 12
"""Of a cell in a picture."""


class State(EnvState):
    """One episode.

    Attributes:
      ships: Whether a ship lies in a cell, bool[N, N].
      shots: Whether it has been shot at, bool[N, N].
      last: The last shot, as an action, int32[]; -1 before the first one.
      hit: Whether it hit, bool[].
    """

    ships: jax.Array
    shots: jax.Array
    last: jax.Array
    hit: jax.Array


class Params(EnvParams):
    """``size``: cells of a side, N."""

    max_steps_in_episode: int = 1000
    size: int = struct.field(pytree_node=False, default=10)


class Battleship(Environment):
    """Observations are whether the last shot hit, and that shot one-hot, float32[1 + N * N]; zeros at first.

    Actions are the cells, row by row.

    Args:
      size: Cells of a side, N.
      max_steps_in_episode: The time limit.

    Raises:
      ValueError: A number is out of range.
    """

    shares_key = True  # a step draws nothing

    def __init__(self, size: int = 10, max_steps_in_episode: int = 1000):
        check({"size": size, "max_steps_in_episode": max_steps_in_episode}, RULES)
        self._params = Params(max_steps_in_episode=max_steps_in_episode, size=size)

    @property
    def name(self) -> str:
        return "battleship-10"

    @property
    def default_params(self) -> Params:
        return self._params

    def draw(self, key: jax.Array, params: Params) -> jax.Array:
        """Uniform numbers for each ship, float32[ships, 1 + N * N]; see `lay`."""
        return uniforms(key, len(SHIPS) * (1 + params.size**2)).reshape(len(SHIPS), -1)

    def begin(self, draws: jax.Array, params: Params) -> State:
        nothing = jnp.zeros((params.size, params.size), bool)
        ships = nothing
        for i, length in enumerate(SHIPS):
            ships = lay(ships, length, draws[i])
        return State(time=jnp.int32(0), ships=ships, shots=nothing, last=jnp.int32(-1), hit=jnp.array(False))

    def advance(
        self, draws: jax.Array, state: State, action: jax.Array, params: Params
    ) -> tuple[State, jax.Array]:
        action = jnp.asarray(action, jnp.int32)
        here = (jnp.arange(params.size**2) == action).reshape(params.size, params.size)
        hit = (here & state.ships & ~state.shots).any()
        state = state.replace(time=state.time + 1, shots=state.shots | here, last=action, hit=hit)
        reward = jnp.where(self.is_terminated(state, params), params.size**2, -1)
        return state, reward.astype(jnp.float32)

    def observe(self, state: State, params: Params) -> jax.Array:
        shot = jax.nn.one_hot(state.last, params.size**2, dtype=jnp.float32)
        return jnp.concatenate([state.hit.astype(jnp.float32)[None], shot])

    def opening(self, params: Params) -> jax.Array:
        return jnp.zeros(1 + params.size**2)

    def is_terminated(self, state: State, params: Params) -> jax.Array:
        return ~(state.ships & ~state.shots).any()

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(self._params.size**2)

    def observation_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(0.0, 1.0, (1 + self._params.size**2,))

    def legal_actions(self, state: State, params: Any = None) -> jax.Array:
        """Cells that have not been shot at."""
        return ~state.shots.reshape(-1)

    def d_set(self, params: Any = None) -> tuple[int, ...]:
        """All of it: whether a shot hit, and where it fell, are what must be remembered."""
        return tuple(range(1 + self._params.size**2))

    def hidden(self, state: State) -> dict[str, jax.Array]:
        """Where the ships are and where the shots fell, bool[N, N] each."""
        return {"ships": state.ships, "shots": state.shots}

    def policies(self) -> dict[str, Policy]:
        return {
            "random": lambda key, state, params: self.action_space().sample(key, self.legal_actions(state)),
            "hunt and target": hunt_and_target,
            "knows the ships": next_cell_of_a_ship,
        }

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """The sea blue, ships grey, hits red, misses white."""
        ships, shots = np.asarray(state.ships), np.asarray(state.shots)
        sea = np.full((*ships.shape, 3), (40, 70, 120), np.uint8)
        sea[ships] = 150
        sea[shots] = 235
        sea[ships & shots] = (200, 60, 60)
        picture = sea.repeat(PIXELS, 0).repeat(PIXELS, 1)
        picture[::PIXELS], picture[:, ::PIXELS] = 20, 20
        return picture


def lay(ships: jax.Array, length: int, draws: jax.Array) -> jax.Array:
    """The sea with one more ship.

    Args:
      ships: Where the others are, bool[N, N].
      length: Of the ship.
      draws: Uniform numbers in [0, 1), float32[1 + N * N]: the first one says whether it lies down, which it
        does below 0.5, or across; and of the free places in that direction it gets that of the largest other.
    """
    size = len(ships)
    down = draws[0] < 0.5
    sea = jnp.where(down, ships.T, ships)  # so that it always lies across
    columns = size - length + 1
    free = jnp.stack([~sea[:, i : i + columns] for i in range(length)]).all(0)
    free = jnp.pad(free, ((0, 0), (0, length - 1)))
    lots = (draws[1:] * LOTS).astype(jnp.int32)
    begin = _drawn(lots, free.reshape(-1))
    begins = (jnp.arange(size**2) == begin).reshape(size, size)
    ship = jnp.stack([jnp.pad(begins, ((0, 0), (i, 0)))[:, :size] for i in range(length)]).any(0)
    return ships | jnp.where(down, ship.T, ship)


def next_cell_of_a_ship(key: jax.Array, state: State, params: Params) -> jax.Array:
    """A cell with a ship that has not been hit."""
    return _drawn(jnp.zeros(params.size**2, jnp.int32), (state.ships & ~state.shots).reshape(-1))


def hunt_and_target(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Shoots on where two hits point, else beside a hit, else at every second cell, as on a chessboard.

    It knows what the agent has seen, but does not reckon which ships have been sunk.
    """
    size = params.size
    hits = jnp.pad(state.ships & state.shots, 2)

    def at(rows: int, columns: int) -> jax.Array:
        return hits[2 + rows : 2 + rows + size, 2 + columns : 2 + columns + size]

    ways = ((-1, 0), (1, 0), (0, -1), (0, 1))
    beside = jnp.stack([at(*way) for way in ways]).any(0)
    in_line = jnp.stack([at(a, b) & at(2 * a, 2 * b) for a, b in ways]).any(0)
    chessboard = jnp.add.outer(jnp.arange(size), jnp.arange(size)) % 2 == 0
    worth = 4 * in_line + 2 * beside + chessboard
    lots = (uniforms(key, size**2) * LOTS).astype(jnp.int32)
    return _drawn(worth.reshape(-1) * LOTS + lots, ~state.shots.reshape(-1))


def _drawn(lots: jax.Array, among: jax.Array) -> jax.Array:
    """The cell with the largest lot among some, int32[]; of equal lots the last one.

    With cumsum in its place a step cost twice as much.
    """
    lots = lots * CELLS + jnp.arange(len(lots), dtype=jnp.int32)
    return jnp.where(among, lots, -1).max() % CELLS
