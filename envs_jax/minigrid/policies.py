"""Reference policies of the MiniGrid tasks: what one gets without learning.

A policy maps ``(key, state, params) -> action``. The planner reads the simulator's state, the
whole grid.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from envs_jax.minigrid import tiles
from envs_jax.minigrid.dynamics import FORWARD, LEFT, NUM_ACTIONS, PICKUP, RIGHT, STEPS, TOGGLE, Params, State
from envs_jax.minigrid.tasks import Memory, RedBlueDoors

Policy = Callable[[jax.Array, State, Params], jax.Array]
Plan = tuple[jax.Array, jax.Array, jax.Array | int]
"""Where the agent can walk, bool[H, W]; steps to success from each direction and place if one acts on the
cell in front or has arrived, float32[4, H, W], infinite where that does not help; the action that does so."""


def random(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Every action with the same probability."""
    return jax.random.randint(key, (), 0, NUM_ACTIONS)


def planner(key: jax.Array, state: State, params: Params) -> jax.Array:
    """A shortest way to success, the whole grid known.

    It is optimal from every start and from every state that its own actions lead to. Elsewhere it may find no
    way: it does not clear away a key that was dropped in the only way through.
    """
    if isinstance(params.task, RedBlueDoors):
        walkable, target, act = _doors_in_order(state)
    elif isinstance(params.task, Memory):
        walkable, target, act = _to_the_like(state, params.task)
    else:
        walkable, target, act = _with_the_key(state)
    steps = _steps_to(target, walkable)
    options = jnp.concatenate([_after_moves(steps, walkable), target[None]])
    x, y = state.position
    return jnp.array([LEFT, RIGHT, FORWARD, act])[options[:, state.direction, y, x].argmin()]


POLICIES: dict[str, Policy] = {"random": random, "planner, state known": planner}


def _doors_in_order(state: State) -> Plan:
    """RedBlueDoors: toggle the red door, then the blue one.

    A door is toggled from one place on either side, so what comes after does not decide where to toggle it.
    """
    walkable = tiles.among(state.grid, tiles.WALKABLE)
    red_is_open = (state.grid == tiles.RED_OPEN).any()
    door = state.grid == jnp.where(red_is_open, tiles.BLUE_CLOSED, tiles.RED_CLOSED)
    return walkable, jnp.where(_facing(door), 1.0, jnp.inf), TOGGLE


def _to_the_like(state: State, task: Memory) -> Plan:
    """Memory: walk to the cell beside the matching object, and not through the other one."""
    good, bad = (_cell(state.grid, end) for end in task.ends(state.grid))
    walkable = tiles.among(state.grid, tiles.WALKABLE) & ~bad
    return walkable, _arrived(good), FORWARD


def _with_the_key(state: State) -> Plan:
    """DoorKey: pick up the key, toggle the door, walk to the goal; whichever of these is left to do."""
    grid = state.grid
    walkable = tiles.among(grid, tiles.WALKABLE)
    key, door = grid == tiles.YELLOW_KEY, tiles.among(grid, tiles.YELLOW_DOORS)
    needs_key = (grid == tiles.YELLOW_LOCKED).any() & (state.carrying != tiles.YELLOW_KEY)
    without_key = walkable | (key & needs_key)
    at_goal = _arrived(grid == tiles.GOAL)
    at_door = jnp.where(_facing(door), 1 + _steps_to(at_goal, without_key | door), jnp.inf)
    at_key = jnp.where(_facing(key), 1 + _steps_to(at_door, without_key), jnp.inf)
    is_open = (grid == tiles.YELLOW_OPEN).any()
    target = jnp.where(needs_key, at_key, jnp.where(is_open, at_goal, at_door))
    return walkable, target, jnp.where(needs_key, PICKUP, jnp.where(is_open, FORWARD, TOGGLE))


def _steps_to(target: jax.Array, walkable: jax.Array) -> jax.Array:
    """Least steps from each place and direction, where some places have steps left already.

    Args:
      target: Steps left, infinite where a way must be found first, float32[4, H, W].
      walkable: Cells that can be entered, bool[H, W].

    Returns:
      float32[4, H, W], infinite where there is no way.
    """

    def improve(loop: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        steps, _ = loop
        better = jnp.minimum(steps, _after_moves(steps, walkable).min(0))
        return better, (better < steps).any()

    return jax.lax.while_loop(lambda loop: loop[1], improve, (target, jnp.array(True)))[0]


def _after_moves(steps: jax.Array, walkable: jax.Array) -> jax.Array:
    """Steps if one first turns left, turns right or walks forward, float32[3, 4, H, W]."""
    left, right = jnp.roll(steps, 1, 0), jnp.roll(steps, -1, 0)
    forward = [jnp.where(_ahead(walkable, d), _ahead(steps[d], d), jnp.inf) for d in range(4)]
    return 1 + jnp.stack([left, right, jnp.stack(forward)])


def _facing(cells: jax.Array) -> jax.Array:
    """From which places and directions one of the cells is in front, bool[4, H, W]."""
    return jnp.stack([_ahead(cells, direction) for direction in range(4)])


def _arrived(cells: jax.Array) -> jax.Array:
    """No steps left in these cells, whatever the direction, float32[4, H, W]."""
    return jnp.broadcast_to(jnp.where(cells, 0.0, jnp.inf), (4, *cells.shape))


def _ahead(values: jax.Array, direction: int) -> jax.Array:
    """For each cell the value of the next one in a direction; the grid's walls never let the ends meet."""
    dx, dy = STEPS[direction]
    return jnp.roll(values, (-int(dy), -int(dx)), (0, 1))


def _cell(grid: jax.Array, position: jax.Array) -> jax.Array:
    height, width = grid.shape
    return (jnp.arange(height)[:, None] == position[1]) & (jnp.arange(width) == position[0])
