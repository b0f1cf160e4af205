"""The rules of minigrid as pure functions, with the randomness passed in.

Source: ``minigrid.minigrid_env.MiniGridEnv.step`` and the objects' own rules in
``minigrid.core.world_object`` (minigrid 3.2). Shapes are those of one environment; `jax.vmap` adds the batch.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax.environment import EnvParams, EnvState
from envs_jax.minigrid import tiles
from envs_jax.minigrid.tasks import RedBlueDoors, Task, put

LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE, DONE = range(7)
"""The actions, in minigrid's order."""
NUM_ACTIONS = 7

STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)], np.int32)
"""Change of (x, y) by one step in each direction: right, down, left, up."""


class Params(EnvParams):
    """Numbers of a task.

    Attributes:
      max_steps_in_episode: Time limit in steps; a success pays less the more of it was used.
      task: What there is and when an episode ends; decides array shapes.
    """

    max_steps_in_episode: int = 1280
    task: Task = struct.field(pytree_node=False, default=RedBlueDoors(8))


class State(EnvState):
    """The grid and the agent in it.

    Attributes:
      time: Steps since the reset, int32[].
      grid: The tile of each cell, uint8[H, W], row 0 at the top.
      position: The agent's x and y, int32[2].
      direction: 0 right, 1 down, 2 left, 3 up, int32[].
      carrying: The tile in the agent's hands, `tiles.EMPTY` if none, uint8[].
    """

    grid: jax.Array
    position: jax.Array
    direction: jax.Array
    carrying: jax.Array


def reset(draws: jax.Array, params: Params) -> State:
    """The start of an episode.

    Args:
      draws: Uniform numbers in [0, 1), float[D].
      params: The task.
    """
    grid, position, direction = params.task.start(draws)
    return State(
        time=jnp.int32(0),
        grid=grid,
        position=position,
        direction=direction,
        carrying=jnp.uint8(tiles.EMPTY),
    )


def step(state: State, action: jax.Array, params: Params) -> tuple[State, jax.Array, jax.Array]:
    """Turn, walk, or act on the cell in front of the agent.

    Args:
      state: Before the step.
      action: 0 left, 1 right, 2 forward, 3 pickup, 4 drop, 5 toggle, 6 done (which does nothing), int[].
      params: The task.

    Returns:
      The next state; the reward, ``1 - 0.9 * time / max_steps_in_episode`` for a success and else 0,
      float32[]; whether the task has ended, bool[].
    """
    if not params.task.can_pick_up:
        action = jnp.where(action == PICKUP, TOGGLE, action)
    turn = (action == RIGHT).astype(jnp.int32) - (action == LEFT)
    front = state.position + jnp.asarray(STEPS)[state.direction]
    tile = state.grid[front[1], front[0]]
    free_hands = state.carrying == tiles.EMPTY

    walks = (action == FORWARD) & tiles.among(tile, tiles.WALKABLE)
    picks = (action == PICKUP) & tiles.among(tile, tiles.PORTABLE) & free_hands
    drops = (action == DROP) & (tile == tiles.EMPTY) & ~free_hands
    unlocks = (tile == tiles.YELLOW_LOCKED) & (state.carrying == tiles.YELLOW_KEY)
    toggled = jnp.where(unlocks, jnp.uint8(tiles.YELLOW_OPEN), jnp.asarray(tiles.TOGGLED)[tile])

    in_front = jnp.where(action == TOGGLE, toggled, tile)
    in_front = jnp.where(drops, state.carrying, in_front)
    in_front = jnp.where(picks, jnp.uint8(tiles.EMPTY), in_front)
    in_hands = jnp.where(drops, jnp.uint8(tiles.EMPTY), state.carrying)
    state = State(
        time=state.time + 1,
        grid=put(state.grid, front[0], front[1], in_front),
        position=jnp.where(walks, front, state.position),
        direction=(state.direction + turn) % 4,
        carrying=jnp.where(picks, tile, in_hands),
    )
    ended, success = params.task.judge(state.grid, state.position)
    share = state.time / jnp.asarray(params.max_steps_in_episode, jnp.float32)
    return state, jnp.where(success, 1 - 0.9 * share, 0.0).astype(jnp.float32), ended
