"""The rules of the Warehouse as pure functions, with the randomness passed in.

A robot walks an ``N x N`` grid and collects items that appear on the border and vanish after a
lifetime. Items are seen, their ages are not: that is the hidden state. Two published variants:

- ``WAREHOUSE`` (7x7): Suau et al. 2022, "Influence-aware memory architectures for deep
  reinforcement learning in POMDPs", Section 5.2; every item pays 1.
- ``MINI_WAREHOUSE`` (5x5): the authors' 2022 variant; an item pays in proportion to its age.

Shapes are those of one environment; `jax.vmap` adds the batch. ``D`` is the number of uniform
draws that one spawn consumes, also the number of *slots* in which an item can live: slot ``d``
holds the item that draw ``d`` placed. In the 7x7 grid a corner is drawn twice and so has two
slots, of which at most one is full. Keeping slots rather than cells is what lets the state
reproduce the item order of the original's list, which ``legacy_removal`` depends on.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax.environment import EnvParams, EnvState

EMPTY = -1
"""Age of a slot that holds no item."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where items can be and where the robot can go: everything that fixes array shapes.

    Attributes:
      size: Cells along one side, at least 3.
      corners: Corner cells hold items and can be entered. If False, an edge cell is entered and
        left only at right angles to its edge.
    """

    size: int = 7
    corners: bool = True

    def __post_init__(self) -> None:
        if self.size < 3:
            raise ValueError(f"A warehouse needs at least 3 x 3 cells, not size={self.size}")

    @functools.cached_property
    def slots(self) -> np.ndarray:
        """(row, column) of the cell behind each draw, in the original's draw order, int[D, 2]."""
        n, last = self.size, self.size - 1
        if self.corners:
            rows = [(r, c) for r in (0, last) for c in range(n)]
            columns = [(r, c) for r in range(n) for c in (0, last)]
            return np.array(rows + columns)
        return np.array([(r, c) for r in range(n) for c in range(n) if (r in (0, last)) != (c in (0, last))])

    @functools.cached_property
    def twin(self) -> np.ndarray:
        """The other slot of the same cell, or the slot itself, int[D]."""
        same_cell = (self.slots[:, None] == self.slots[None]).all(-1)
        other = same_cell & ~np.eye(self.num_slots, dtype=bool)
        return np.where(other.any(1), other.argmax(1), np.arange(self.num_slots))

    @functools.cached_property
    def twins(self) -> list[tuple[int, int]]:
        """First and second slot of each cell that has two."""
        return [(first, int(second)) for first, second in enumerate(self.twin) if first < second]

    @functools.cached_property
    def observed(self) -> np.ndarray:
        """First slot of each item cell, in observation order: top row, bottom row, sides; int[I]."""
        order: dict[str, list[int]] = {"top": [], "bottom": [], "sides": []}
        for slot, (row, _) in enumerate(self.slots):
            if self.twin[slot] < slot:
                continue
            edge = "top" if row == 0 else "bottom" if row == self.size - 1 else "sides"
            order[edge].append(slot)
        return np.array(order["top"] + order["bottom"] + order["sides"])

    @property
    def num_slots(self) -> int:
        return len(self.slots)

    @property
    def num_items(self) -> int:
        return len(self.observed)

    @property
    def observation_size(self) -> int:
        return self.size**2 + self.num_items


class Params(EnvParams):
    """Numbers that a user may sweep, then the static choices that change the program.

    Attributes:
      max_steps_in_episode: Time limit in steps.
      item_probability: Chance that one draw places an item on a free cell.
      lifetime: Age in steps at which an item vanishes; it can be collected at ages 1..lifetime.
      max_items: Most items present at once, or None for no limit.
      layout: The grid.
      pay_by_age: An item pays ``0.25 * age / (largest age present)`` instead of 1.
      respawn_cleared: A cell cleared in a step may receive a new item in the same step.
      legacy_removal: Reproduce the 7x7 original's removal from a Python list while iterating over
        it: in list order (older first, then draw order) the item behind each removed one is passed
        over. The 5x5 original notes the cleared cells first (it is how they are kept from
        respawning) and removes them all, so this changes nothing where ``respawn_cleared`` is False.
    """

    max_steps_in_episode: int = 100
    item_probability: float = 0.05
    lifetime: int = 8
    max_items: int | None = None
    layout: Layout = struct.field(pytree_node=False, default=Layout())
    pay_by_age: bool = struct.field(pytree_node=False, default=False)
    respawn_cleared: bool = struct.field(pytree_node=False, default=True)
    legacy_removal: bool = struct.field(pytree_node=False, default=False)


WAREHOUSE = Params()
MINI_WAREHOUSE = Params(
    max_steps_in_episode=96,
    lifetime=16,
    max_items=4,
    layout=Layout(size=5, corners=False),
    pay_by_age=True,
    respawn_cleared=False,
)


class State(EnvState):
    """One warehouse.

    Attributes:
      time: Steps since the reset, int32[].
      robot: Row and column, int32[2].
      age: Steps since each slot's item appeared, `EMPTY` where there is none, int32[D].
    """

    robot: jax.Array
    age: jax.Array


def reset(draws: jax.Array, params: Params) -> State:
    """An empty warehouse with the robot in the middle, then one spawn.

    Args:
      draws: Uniform numbers in [0, 1), float[D].
      params: The variant.
    """
    layout = params.layout
    nothing = jnp.zeros(layout.num_slots, bool)
    empty = State(
        time=jnp.int32(0),
        robot=jnp.full(2, layout.size // 2, jnp.int32),
        age=jnp.full(layout.num_slots, EMPTY, jnp.int32),
    )
    return empty.replace(age=_spawn(empty.age, nothing, draws, params))


def step(state: State, action: jax.Array, draws: jax.Array, params: Params) -> tuple[State, jax.Array]:
    """Move, age the items, pay, remove, spawn: in this order.

    Args:
      state: Before the step.
      action: 0 up, 1 down, 2 left, 3 right, int[].
      draws: Uniform numbers in [0, 1), float[D].
      params: The variant.

    Returns:
      The next state and the reward, float32[].
    """
    robot = move(state.robot, action, params.layout)
    age = jnp.where(state.age == EMPTY, EMPTY, state.age + 1)
    slot_cells = _cell(params.layout.slots.T, params.layout)
    under_robot = (age != EMPTY) & (slot_cells == _cell(robot, params.layout))
    if params.pay_by_age:
        reward = 0.25 * jnp.where(under_robot, age, 0).sum() / jnp.maximum(age.max(), 1)
    else:
        reward = under_robot.sum()
    removed = under_robot | (age >= params.lifetime)
    if params.legacy_removal and params.respawn_cleared:
        removed = _pass_over_neighbours(removed, age)
    age = _spawn(jnp.where(removed, EMPTY, age), removed, draws, params)
    return State(time=state.time + 1, robot=robot, age=age), reward.astype(jnp.float32)


def observe(state: State, params: Params) -> jax.Array:
    """One-hot place of the robot (row-major), then a flag per item cell, float32[N*N + I]."""
    layout = params.layout
    place = jnp.arange(layout.size**2) == _cell(state.robot, layout)
    is_there = _with_twin(jnp.logical_or, state.age != EMPTY, layout)
    return jnp.concatenate([place, _in_observation_order(is_there, layout)]).astype(jnp.float32)


def item_ages(state: State, params: Params) -> jax.Array:
    """Age of the item in each item cell, in observation order, `EMPTY` where none, int32[I]."""
    return _in_observation_order(_with_twin(jnp.maximum, state.age, params.layout), params.layout)


def move(robot: jax.Array, action: jax.Array, layout: Layout) -> jax.Array:
    """Cell of the robot after an action; a move that is not possible stays put, int32[2]."""
    last = layout.size - 1
    down = (action == 1).astype(jnp.int32) - (action == 0)
    right = (action == 3).astype(jnp.int32) - (action == 2)
    if not layout.corners:
        on_edge = (robot == 0) | (robot == last)
        down, right = jnp.where(on_edge[1], 0, down), jnp.where(on_edge[0], 0, right)
    return jnp.clip(robot + jnp.stack([down, right]), 0, last)


def _spawn(age: jax.Array, removed: jax.Array, draws: jax.Array, params: Params) -> jax.Array:
    """New items of age 0 where the draw succeeds and the cell is free."""
    blocked = age != EMPTY
    if not params.respawn_cleared:
        blocked = blocked | removed
    placed = (draws < params.item_probability) & ~_with_twin(jnp.logical_or, blocked, params.layout)
    slots = np.arange(params.layout.num_slots)
    for first, second in params.layout.twins:  # the first draw has filled the cell
        placed = placed & ~((slots == second) & placed[first])
    if params.max_items is not None:
        room = params.max_items - (age != EMPTY).sum()
        placed = placed & (jnp.cumsum(placed) <= room)
    return jnp.where(placed, 0, age)


def _with_twin(
    combine: Callable[[jax.Array, jax.Array], jax.Array], x: jax.Array, layout: Layout
) -> jax.Array:
    """``combine(x, x[layout.twin])`` for a commutative function that leaves ``combine(a, a) = a``.

    Written without the gather, which a CPU does element by element and outside of its fused loops: it took
    half of a step.
    """
    slots = np.arange(layout.num_slots)
    for first, second in layout.twins:
        x = jnp.where((slots == first) | (slots == second), combine(x[first], x[second]), x)
    return x


def _in_observation_order(x: jax.Array, layout: Layout) -> jax.Array:
    """``x[layout.observed]`` as slices, for the same reason."""
    starts = np.flatnonzero(np.diff(layout.observed) != 1) + 1
    return jnp.concatenate([x[run[0] : run[-1] + 1] for run in np.split(layout.observed, starts)])


def _cell(place: jax.Array | np.ndarray, layout: Layout) -> jax.Array | np.ndarray:
    """Number of a cell, row-major, of its row and column [2, ...]."""
    return place[0] * layout.size + place[1]


def _pass_over_neighbours(doomed: jax.Array, age: jax.Array) -> jax.Array:
    """Which of the doomed items a Python list loses when shrunk under its own iterator.

    In list order ``removed[i] = doomed[i] and not removed[i - 1]``: every second item of each run
    of doomed ones survives the step.
    """
    slots = jnp.arange(age.shape[-1])
    order = jnp.argsort(-age, stable=True)  # older first, draw order within one age, empties last
    in_order = doomed[order]
    run_start = jax.lax.cummax(jnp.where(in_order, -1, slots)) + 1
    removed = in_order & ((slots - run_start) % 2 == 0)
    return jnp.zeros_like(doomed).at[order].set(removed)
