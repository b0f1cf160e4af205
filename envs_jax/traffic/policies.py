"""Reference policies of the traffic task: what one gets without learning.

A policy maps ``(key, state, params) -> action``. It sees the simulator's state, and its name says how much
of it it may use: constants nothing, clocks the time, `longest_queue_seen` the observation and the light,
which an agent could remember, and only `planner` reads hidden cars.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.traffic import dynamics
from envs_jax.traffic.state import NORTH_YELLOW, WEST_GREEN, Params, State

Policy = Callable[[jax.Array, State, Params], jax.Array]
Seconds = int | jax.Array


def random(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Either green with the same probability."""
    return jax.random.randint(key, (), 0, 2)


def always(action: int) -> Policy:
    """Asks for the same green at every step."""
    return lambda key, state, params: jnp.int32(action)


def clock(north: Seconds, west: Seconds | None = None, phase: Seconds = 0) -> Policy:
    """Asks for north for ``north`` seconds, then for west for ``west`` seconds, and so on.

    Args:
      north: Seconds, of which the yellow phase before the green is a part.
      west: Seconds, by default the same.
      phase: Seconds into this cycle at which an episode begins.
    """
    west = north if west is None else west
    return lambda key, state, params: ((state.time + phase) % (north + west) >= north).astype(jnp.int32)


def longest_queue_seen(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Asks for green where more cars are in sight before the line; in a tie for the green it last got."""
    low, high = params.box
    seen = dynamics.observe(state, params)
    north = seen[: (high - 42) // 4].sum()
    west = seen[params.cells : params.cells + (38 - low) // 4].sum()
    return jnp.where(north == west, _granted(state), west > north).astype(jnp.int32)


def planner(
    key: jax.Array,
    state: State,
    params: Params,
    *,
    delays: tuple[int, ...] = tuple(range(0, 40, 4)),
    stays: tuple[int, ...] = (20, 27, 34),
    horizon: int = 60,
) -> jax.Array:
    """Tries plans in the model itself, with every car known and one sample of how drivers will dawdle.

    A plan keeps the present green for one of ``delays`` seconds, then asks for the other one, and for
    another change after every one of ``stays`` seconds. All plans meet the same sample; the first action of
    the best is taken, and the next step plans anew. It bounds nothing: other plans may be better, and it
    takes one future for granted.

    Args:
      key: Source of the sample.
      state: Present state.
      params: The variant.
      delays: Seconds until the first change; not to change is a plan too.
      stays: Seconds between changes from then on.
      horizon: Seconds that count.
    """
    grid = np.stack(np.meshgrid(delays, stays), -1).reshape(-1, 2)
    plans = jnp.asarray(np.append(grid, [[horizon, horizon]], 0))
    noise = jax.random.uniform(key, (horizon, params.num_cars))
    kept = _granted(state)

    def value(plan: jax.Array) -> jax.Array:
        delay, stay = plan

        def step(state: State, inputs: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
            time, noise = inputs
            changed = (time >= delay) & ((time - delay) // stay % 2 == 0)
            counts = state.time < params.max_steps_in_episode
            state, reward = dynamics.step(state, jnp.where(changed, 1 - kept, kept), noise, params)
            return state, jnp.where(counts, reward, 0.0)

        return jax.lax.scan(step, state, (jnp.arange(horizon), noise))[1].sum()

    best = plans[jax.vmap(value)(plans).argmax()]
    return jnp.where(best[0] == 0, 1 - kept, kept)


POLICIES: dict[str, Policy] = {
    "always north": always(0),
    "always west": always(1),
    "random": random,
    "clock 4": clock(4),
    "clock 8": clock(8),
    "clock 16": clock(16),
    "clock 27": clock(27),
    "clock 30": clock(30),
    "best clock": clock(26, 27, phase=26),
    "longest queue seen": longest_queue_seen,
    "planner, all cars known": planner,
}
"""``best clock``, found by ``python -m envs_jax.traffic.clock``: west for 27 s first, then north for 26."""


def _granted(state: State) -> jax.Array:
    """The green that is on, or that comes after the present yellow: 0 north, 1 west."""
    west = (state.light == WEST_GREEN) | (state.light == NORTH_YELLOW)
    return west.astype(jnp.int32)
