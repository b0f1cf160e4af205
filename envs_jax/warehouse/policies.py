"""Reference policies of the Warehouse: what one gets without learning.

A policy maps ``(key, state, params) -> action``. It sees the simulator's state, and its name says
how much of it it may use: only `planner`, `nearest_alive` and `oldest_alive` read item ages.
"""

from collections.abc import Callable
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.warehouse import dynamics
from envs_jax.warehouse.dynamics import EMPTY, Layout, Params, State

Policy = Callable[[jax.Array, State, Params], jax.Array]


def random(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Every action with the same probability."""
    return jax.random.randint(key, (), 0, 4)


def nearest_visible(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Walks to the nearest item in sight, without memory; stays where there is none.

    Ties go to the first in draw order. An item that appears under the robot is left there.
    """
    distance = _distance(state, params)
    return _walk_to(state, params, (state.age != EMPTY) & (distance > 0), distance)


def nearest_alive(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Walks to the nearest item that will still be there; item ages known, ties go to the oldest.

    Stays where there is none.
    """
    distance = _distance(state, params)
    return _walk_to(
        state,
        params,
        _reachable(state, params, distance),
        distance - state.age / (params.lifetime + 1),
    )


def oldest_alive(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Walks to the oldest item that will still be there; item ages known, ties go to the nearest.

    Waits in the middle where there is none.
    """
    distance = _distance(state, params)
    return _walk_to(
        state,
        params,
        _reachable(state, params, distance),
        distance / params.layout.size**2 - state.age,
        idle=jnp.asarray(_to_the_middle(params.layout))[_cell(state, params)],
    )


def planner(
    key: jax.Array,
    state: State,
    params: Params,
    *,
    horizon: int = 12,
    discount: float = 0.9,
) -> jax.Array:
    """Open-loop planning by dynamic programming; item ages known. Items must pay 1 each.

    For every cell and every time up to ``horizon`` it keeps the best path there: the one with the
    largest discounted sum of the chances that an item lies where the path goes. The chance is 1 for
    an item now present and not yet due to vanish, and else follows from the number of spawns since
    the path was last there, or since the cell was last seen empty. It is a bound neither way: a path
    that is not the best to its cell is dropped although it may leave more items for later.
    """
    layout = params.layout
    previous, is_move = map(jnp.asarray, _previous_cells(layout))
    item_of = jnp.asarray(_item_of_cell(layout))
    draws_per_item = 1 + (layout.twin[layout.observed] != layout.observed)
    stays_empty = jnp.append((1 - params.item_probability) ** draws_per_item, 1.0)
    age = jnp.append(dynamics.item_ages(state, params), EMPTY)  # last entry: cells without items
    present = age != EMPTY
    num_cells = layout.size**2
    # Spawns count from the step at which a cell becomes, or is seen, empty.
    empty_from = jnp.where(present, params.lifetime - age, 1)

    def extend(
        paths: tuple[jax.Array, jax.Array, jax.Array], time: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array, jax.Array], None]:
        value, empty_from, first_cell = paths
        since = empty_from[previous, item_of[:, None]]
        spawns = jnp.clip(time - since, 0, params.lifetime)
        chance = 1 - stays_empty[item_of][:, None] ** spawns
        chance = jnp.where(present[item_of][:, None] & (time <= since), 1.0, chance)
        candidate = value[previous] + discount**time * chance
        best = jnp.where(is_move, candidate, -jnp.inf).argmax(1)
        cells = jnp.arange(num_cells)
        parent = previous[cells, best]
        return (
            candidate[cells, best],
            empty_from[parent].at[cells, item_of].set(time),
            jnp.where(time == 1, cells, first_cell[parent]),
        ), None

    cell = _cell(state, params)
    start = (
        jnp.where(jnp.arange(num_cells) == cell, 0.0, -jnp.inf),
        jnp.tile(empty_from, (num_cells, 1)),
        jnp.zeros(num_cells, jnp.int32),
    )
    (value, _, first_cell), _ = jax.lax.scan(extend, start, jnp.arange(1, horizon + 1))
    target = first_cell[value.argmax()]
    return (jnp.asarray(_next_cells(layout))[cell] == target).argmax()


POLICIES: dict[str, Policy] = {
    "random": random,
    "nearest visible item": nearest_visible,
    "nearest item, ages known": nearest_alive,
    "oldest item, ages known": oldest_alive,
    "planner, ages known": planner,
}


def _distance(state: State, params: Params) -> jax.Array:
    """Steps of a shortest path from the robot to each slot, int32[D]."""
    return jnp.asarray(_paths(params.layout)[0])[_cell(state, params)]


def _reachable(state: State, params: Params, distance: jax.Array) -> jax.Array:
    """Slots whose item can still be collected if the robot goes straight there, bool[D]."""
    return (state.age != EMPTY) & (jnp.maximum(distance, 1) <= params.lifetime - state.age)


def _walk_to(
    state: State,
    params: Params,
    wanted: jax.Array,
    cost: jax.Array,
    idle: jax.Array | None = None,
) -> jax.Array:
    """First step to the wanted slot of least cost; where none is wanted ``idle``, or staying put."""
    cell = _cell(state, params)
    action = jnp.asarray(_paths(params.layout)[1])[cell]
    if idle is None:
        idle = jnp.asarray(_staying_actions(params.layout))[cell]
    target = jnp.where(wanted, cost, jnp.inf).argmin()
    return jnp.where(wanted.any(), action[target], idle)


def _cell(state: State, params: Params) -> jax.Array:
    return state.robot[0] * params.layout.size + state.robot[1]


@lru_cache
def _next_cells(layout: Layout) -> np.ndarray:
    """Cell reached from each cell by each action, int[N*N, 4]."""
    with jax.ensure_compile_time_eval():
        robots = jnp.array([(r, c) for r in range(layout.size) for c in range(layout.size)])
        move = jax.vmap(jax.vmap(partial(dynamics.move, layout=layout), (None, 0)), (0, None))
        reached = np.asarray(move(robots, jnp.arange(4)))
    return reached[..., 0] * layout.size + reached[..., 1]


@lru_cache
def _staying_actions(layout: Layout) -> np.ndarray:
    """An action that leaves the robot in each cell, or 0 in the interior, int[N*N]."""
    cells = np.arange(layout.size**2)
    return (_next_cells(layout) == cells[:, None]).argmax(1).astype(np.int32)


@lru_cache
def _paths(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Steps and first action of a shortest path from each cell to each slot, int[N*N, D] each."""
    return _paths_to(layout, layout.slots[:, 0] * layout.size + layout.slots[:, 1])


@lru_cache
def _to_the_middle(layout: Layout) -> np.ndarray:
    """First action of a shortest path from each cell to the middle, int[N*N]."""
    middle = (layout.size // 2) * (layout.size + 1)
    return _paths_to(layout, np.array([middle]))[1][:, 0]


def _paths_to(layout: Layout, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    next_cells = _next_cells(layout)
    num_cells = layout.size**2
    distance = np.full((num_cells, len(targets)), num_cells, np.int32)
    distance[targets, np.arange(len(targets))] = 0
    for _ in range(num_cells):
        distance = np.minimum(distance, 1 + distance[next_cells].min(1))
    action = distance[next_cells].argmin(1).astype(np.int32)
    return distance, np.where(distance == 0, _staying_actions(layout)[:, None], action)


@lru_cache
def _previous_cells(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Cells from which each cell is reached in one step, and which entries count, [N*N, 5]."""
    next_cells = _next_cells(layout)
    cells = np.zeros((len(next_cells), 5), np.int32)
    counts = np.zeros(cells.shape, bool)
    for cell in range(len(next_cells)):
        sources = np.unique(np.nonzero(next_cells == cell)[0])
        cells[cell, : len(sources)] = sources
        counts[cell, : len(sources)] = True
    return cells, counts


@lru_cache
def _item_of_cell(layout: Layout) -> np.ndarray:
    """Index of each cell's item in observation order, or the number of items if none, int[N*N]."""
    items = np.full(layout.size**2, layout.num_items, np.int32)
    rows, columns = layout.slots[layout.observed].T
    items[rows * layout.size + columns] = np.arange(layout.num_items)
    return items
