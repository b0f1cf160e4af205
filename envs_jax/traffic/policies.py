"""Reference policies of the traffic task: what one gets without learning.

A policy maps ``(key, state, params) -> action``. It sees the simulator's state, and its name says how much of
it it may use: clocks and constants read only the time, "longest queue seen" only the observation and the
light that it set itself, and only the planner reads hidden cars.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.traffic import dynamics
from envs_jax.traffic.dynamics import NORTH_GREEN, NORTH_YELLOW, WEST_YELLOW, Params, State

Policy = Callable[[jax.Array, State, Params], jax.Array]


def random(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Either green with the same probability."""
    return jax.random.randint(key, (), 0, 2)


def always(action: int) -> Policy:
    """Asks for the same green at every step."""
    return lambda key, state, params: jnp.int32(action)


def clock(north: int, west: int | None = None, phase: int = 0) -> Policy:
    """Asks for north for ``north`` seconds, then for west for ``west`` seconds, and so on.

    Args:
      north: Seconds, of which the yellow phase before the green is a part.
      west: Seconds, by default the same.
      phase: Seconds into this cycle at which an episode begins.
    """
    west = north if west is None else west
    return lambda key, state, params: ((state.time + phase) % (north + west) >= north).astype(jnp.int32)


def longest_queue_seen(key: jax.Array, state: State, params: Params) -> jax.Array:
    """Asks for green where more cars are in sight before the line; keeps the present green in a tie."""
    seen = dynamics.observe(state, params)
    before_line = params.cells - (params.box[1] - 42) // 4 - 1
    north_cells = (params.box[1] - 42) // 4
    west_cells = (38 - params.box[0]) // 4
    del before_line
    north = seen[:north_cells].sum()
    west = seen[params.cells : params.cells + west_cells].sum()
    return jnp.where(north == west, _asked_for(state), west > north).astype(jnp.int32)


def _asked_for(state: State) -> jax.Array:
    """The green that is on, or that comes after the present yellow: 0 north, 1 west."""
    return ((state.light != NORTH_GREEN) & (state.light != WEST_YELLOW)).astype(jnp.int32)


def planner(key, state, params, *, delays=tuple(range(0, 40, 3)), stays=(9, 14, 19, 24, 29, 36), horizon=45, samples=1):
    kept = _asked_for(state)
    delay, stay = (jnp.asarray(x.ravel()) for x in np.meshgrid(np.array(delays), np.array(stays), indexing="ij"))
    delay = jnp.append(delay, horizon); stay = jnp.append(stay, 1)
    noise = jax.random.uniform(key, (samples, horizon, params.num_cars))

    def value(delay, stay, noise):
        def one(state, x):
            t, u = x
            switched = (t >= delay) & ((t - delay) // stay % 2 == 0)
            action = jnp.where(switched, 1 - kept, kept)
            live = state.time < params.max_steps_in_episode
            state, r = dynamics.step(state, action, u, params)
            return state, jnp.where(live, r, 0)
        return jax.lax.scan(one, state, (jnp.arange(horizon), noise))[1].sum()

    values = jax.vmap(lambda d, s: jax.vmap(lambda n: value(d, s, n))(noise).mean())(delay, stay)
    best = values.argmax()
    return jnp.where(delay[best] == 0, 1 - kept, kept)


POLICIES: dict[str, Policy] = {
    "always north": always(0),
    "always west": always(1),
    "random": random,
    "clock 4": clock(4),
    "clock 8": clock(8),
    "clock 16": clock(16),
    "clock 27": clock(27),
    "clock 30": clock(30),
    "longest queue seen": longest_queue_seen,
}


def policies() -> dict[str, Policy]:
    return POLICIES
