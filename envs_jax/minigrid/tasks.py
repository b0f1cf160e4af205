"""The tasks: where things are at the start, and when an episode ends.

``H`` and ``W`` are the cells down and across, ``D`` the uniform draws that one layout consumes. Positions are
(x, y) from the top left, directions 0 right, 1 down, 2 left, 3 up, as in minigrid.
"""

import abc
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.minigrid import tiles

Start = tuple[jax.Array, jax.Array, jax.Array]
"""Grid uint8[H, W], position int32[2], direction int32[]."""


@dataclasses.dataclass(frozen=True)
class Task(abc.ABC):
    """One of minigrid's environments: everything that fixes array shapes.

    Attributes:
      size: The number in minigrid's name of the environment.
    """

    size: int

    def __post_init__(self) -> None:
        if self.size not in self.sizes:
            raise ValueError(f"size must be one of {self.sizes}, not {self.size!r}")

    @property
    @abc.abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """Sizes that minigrid registers."""

    @property
    def width(self) -> int:
        return self.size

    @property
    def height(self) -> int:
        return self.size

    @property
    def name(self) -> str:
        return f"{type(self).__name__.lower()}-{self.size}x{self.size}"

    @property
    def can_pick_up(self) -> bool:
        """Whether the action *pickup* picks up; otherwise it toggles."""
        return True

    @property
    @abc.abstractmethod
    def max_steps(self) -> int:
        """The time limit of minigrid, in steps."""

    @property
    @abc.abstractmethod
    def num_draws(self) -> int:
        """D."""

    @abc.abstractmethod
    def start(self, draws: jax.Array) -> Start:
        """The layout behind ``draws``, uniform numbers in [0, 1), float[D]: minigrid's ``_gen_grid``."""

    @abc.abstractmethod
    def judge(self, grid: jax.Array, position: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Whether the episode has ended and whether it succeeded, bool[] each."""


class RedBlueDoors(Task):
    """Open the red door on the left of the room, then the blue one on its right.

    Source: ``minigrid.envs.redbluedoors``.
    """

    sizes = (6, 8)

    @property
    def width(self) -> int:
        return 2 * self.size

    @property
    def max_steps(self) -> int:
        return 20 * self.size**2

    @property
    def num_draws(self) -> int:
        return 5

    def start(self, draws: jax.Array) -> Start:
        """Agent anywhere in the room, facing anywhere; each door anywhere in its wall: independent draws."""
        left, right = self.size // 2, self.size // 2 + self.size - 1
        walls = _border(self.width, self.height)
        walls[:, [left, right]] = tiles.WALL
        inner = self.size - 2
        x, y, red, blue = (1 + _pick(draws[i], inner) for i in range(4))
        grid = put(jnp.asarray(walls), left, red, tiles.RED_CLOSED)
        grid = put(grid, right, blue, tiles.BLUE_CLOSED)
        return grid, jnp.stack([left + x, y]), _pick(draws[4], 4)

    def judge(self, grid: jax.Array, position: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The blue door ends the episode; it is a success if the red one is open then."""
        blue_open = (grid[:, self.size // 2 + self.size - 1] == tiles.BLUE_OPEN).any()
        red_open = (grid[:, self.size // 2] == tiles.RED_OPEN).any()
        return blue_open, blue_open & red_open


class Memory(Task):
    """See an object in the first room and go to its like at the end of the hallway.

    Source: ``minigrid.envs.memory``, the variants with a hallway of fixed length.
    """

    sizes = (7, 9, 11, 13)

    @property
    def name(self) -> str:
        return f"memory-s{self.size}"

    @property
    def can_pick_up(self) -> bool:
        return False

    @property
    def max_steps(self) -> int:
        return 5 * self.size**2

    @property
    def num_draws(self) -> int:
        return 3

    def start(self, draws: jax.Array) -> Start:
        """Agent in the middle row anywhere up to the hallway's end; key or ball to match, and above."""
        middle, end = self.size // 2, self.size - 3
        walls = _border(self.size, self.size)
        walls[[middle - 2, middle + 2], 1:5] = tiles.WALL
        walls[[middle - 1, middle + 1], 4:end] = tiles.WALL
        walls[[middle - 1, middle + 1], 4] = tiles.WALL
        walls[np.arange(self.size) != middle, end] = tiles.WALL
        kinds = jnp.array([tiles.GREEN_KEY, tiles.GREEN_BALL], jnp.uint8)
        wanted, above = _pick(draws[1], 2), _pick(draws[2], 2)
        grid = put(jnp.asarray(walls), 1, middle - 1, kinds[wanted])
        grid = put(grid, end + 1, middle - 2, kinds[above])
        grid = put(grid, end + 1, middle + 2, kinds[1 - above])
        return grid, jnp.stack([1 + _pick(draws[0], end), jnp.int32(middle)]), jnp.int32(0)

    def ends(self, grid: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Positions of success, beside the object like the first room's, and of failure, int32[2] each."""
        middle, end = self.size // 2, self.size - 3
        sign = jnp.where(grid[middle - 1, 1] == grid[middle - 2, end + 1], -1, 1)
        column = jnp.int32(end + 1)
        return jnp.stack([column, middle + sign]), jnp.stack([column, middle - sign])

    def judge(self, grid: jax.Array, position: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The cells beside the two objects end the episode; a success beside the matching one."""
        success, failure = ((position == end).all() for end in self.ends(grid))
        return success | failure, success


class DoorKey(Task):
    """Pick up the key, unlock the door, go to the goal. Source: ``minigrid.envs.doorkey``."""

    sizes = (5, 6, 8, 16)

    @property
    def max_steps(self) -> int:
        return 10 * self.size**2

    @property
    def num_draws(self) -> int:
        return 5

    def start(self, draws: jax.Array) -> Start:
        """A wall with a locked door; agent and key on two cells to its left; the goal at the bottom right.

        The door is never in the lowest row: minigrid draws its row from one too few.
        """
        inner = self.size - 2
        split = 2 + _pick(draws[0], self.size - 4)
        cells = (split - 1) * inner
        agent, key = _pick(draws[1], cells), _pick(draws[4], cells - 1)
        key = key + (key >= agent)
        border = jnp.asarray(_border(self.size, self.size))
        grid = jnp.where(jnp.arange(self.size) == split, jnp.uint8(tiles.WALL), border)
        grid = put(grid, self.size - 2, self.size - 2, tiles.GOAL)
        grid = put(grid, split, 1 + _pick(draws[3], inner - 1), tiles.YELLOW_LOCKED)
        grid = put(grid, 1 + key // inner, 1 + key % inner, tiles.YELLOW_KEY)
        return grid, jnp.stack([1 + agent // inner, 1 + agent % inner]), _pick(draws[2], 4)

    def judge(self, grid: jax.Array, position: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The goal ends the episode, as a success."""
        arrived = (position == self.size - 2).all()
        return arrived, arrived


def _border(width: int, height: int) -> np.ndarray:
    """Empty cells within walls, uint8[height, width]."""
    return np.pad(np.full((height - 2, width - 2), tiles.EMPTY, np.uint8), 1, constant_values=tiles.WALL)


def put(grid: jax.Array, x: jax.Array | int, y: jax.Array | int, tile: jax.Array | int) -> jax.Array:
    """The grid with one cell replaced, by comparison: a scatter is slower where many grids are batched."""
    rows, columns = np.indices(grid.shape, np.int32)
    return jnp.where((rows == y) & (columns == x), jnp.uint8(tile), grid)


def _pick(draw: jax.Array, count: jax.Array | int) -> jax.Array:
    """A whole number below ``count`` from a uniform draw, int32[]."""
    return (draw * count).astype(jnp.int32)
