"""The rules of the traffic task as pure functions, with the randomness passed in.

Cars circle on one loop that crosses itself at a signalised crossing (`envs_jax.traffic.network`); the
agent chooses which of the two approaches has green. The task is that of Suau et al. 2022, "Influence-aware
memory architectures for deep reinforcement learning in POMDPs", where Eclipse SUMO simulates
it. The rules below are SUMO's for these cars on this road (Krauss' model with SUMO's Euler step of one
second, default passenger car) and reproduce SUMO's trajectories, not only its statistics.

Shapes are those of one environment; `jax.vmap` adds the batch. ``N`` is the number of cars; cars are
numbered in the order in which they are due to appear. Floats have JAX's default width: float32, or float64
where x64 is enabled.
"""

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.traffic import network
from envs_jax.traffic.network import LOOP_LENGTH, NORTH, SPEED_LIMIT
from envs_jax.traffic.state import (
    DRIVING,
    GONE,
    NORTH_GREEN,
    NORTH_YELLOW,
    OUTSIDE,
    UNSET,
    WEST_GREEN,
    WEST_YELLOW,
    Params,
    State,
)

CAR_LENGTH, MIN_GAP = 5.0, 2.5
"""Metres: of a car, and from a standing car to the one in front."""
ACCELERATION, BRAKING, EMERGENCY_BRAKING = 2.6, 4.5, 9.0
"""Metres per second squared."""
ARRIVAL_MARGIN = 0.1
"""Metres before the end of its route at which SUMO lets a car arrive."""
WAITING_SPEED = 0.1
"""Metres per second up to which a car counts as waiting."""


def reset(routes: jax.Array, params: Params) -> State:
    """An empty road; the cars are due one a second. No light is set before the first action.

    Args:
      routes: Index into `network.ROUTES` for each car, int[N] or bool[N].
      params: The variant.
    """
    route = jnp.asarray(routes, jnp.int32)
    none = jnp.zeros(params.num_cars, jnp.int32)
    return State(
        time=jnp.int32(0),
        light=jnp.int32(UNSET),
        yellow_left=jnp.int32(0),
        route=route,
        status=none + OUTSIDE,
        line=_of_route(route, network.START_LINE),
        to_line=_of_route(route, network.START_DISTANCE),
        lines_left=_of_route(route, network.LINES),
        speed=jnp.zeros(params.num_cars),
        waiting=none,
    )


def step(state: State, action: jax.Array, noise: jax.Array, params: Params) -> tuple[State, jax.Array]:
    """One second: set the light, move all cars at once, let new ones in.

    Args:
      state: Before the step.
      action: Approach that shall have green, 0 north or 1 west, int[].
      noise: Uniform numbers in [0, 1), one per car, float[N].
      params: The variant.

    Returns:
      The next state and the reward, float32[]: -0.1 for every car on the road that waits, hidden ones
      included. A car that appears in this step has not waited yet.
    """
    light, yellow_left = switch_light(state, action, params)
    speed = _next_speed(state, light, noise, params)
    to_line = state.to_line - speed
    crossed = to_line < 0
    line = jnp.where(crossed, 1 - state.line, state.line)
    to_line = jnp.where(crossed, to_line + _arm_length(line), to_line)
    lines_left = state.lines_left - crossed
    arrived = state.driving & (lines_left == 0) & (to_line < _exit(state) + ARRIVAL_MARGIN)
    waits = state.driving & ~arrived & (speed <= WAITING_SPEED)
    state = State(
        time=state.time + 1,
        light=light,
        yellow_left=yellow_left,
        route=state.route,
        status=jnp.where(arrived, GONE, state.status),
        line=line,
        to_line=to_line,
        lines_left=lines_left,
        speed=speed,
        waiting=jnp.where(waits, state.waiting + 1, 0),
    )
    state = state.replace(status=jnp.where(_enters(state), DRIVING, state.status))
    return state, -0.1 * waits.sum(dtype=jnp.float32)


def switch_light(state: State, action: jax.Array, params: Params) -> tuple[jax.Array, jax.Array]:
    """The light of the next step and the steps for which a yellow phase then goes on, int32[] each.

    A request for the other green starts the yellow phase at once. Requests during yellow are ignored, and
    the green that was asked for comes after it whatever is asked for then. The first action of all sets its
    green directly.
    """
    wanted = 2 * jnp.asarray(action, jnp.int32)
    yellow = (state.light == NORTH_YELLOW) | (state.light == WEST_YELLOW)
    following = (state.light + 1) % 4
    starts = ~yellow & (state.light != UNSET) & (state.light != wanted)
    light = jnp.where(yellow, jnp.where(state.yellow_left > 0, state.light, following), wanted)
    light = jnp.where(starts, following, light)
    left = jnp.where(starts, params.yellow_steps - 1, jnp.maximum(state.yellow_left - 1, 0))
    return light, left.astype(jnp.int32)


def keep_light(state: State, before: State) -> State:
    """``state`` with the light and timer of ``before``."""
    return state.replace(light=before.light, yellow_left=before.yellow_left)


def all_gone(state: State) -> jax.Array:
    """Whether every car has arrived, bool[]."""
    return (state.status == GONE).all(-1)


def observe(state: State, params: Params) -> jax.Array:
    """Which cells of the two roads in sight hold a car's front, 0 or 1, float32[2 * cells].

    First the cells of 4 m along the road from the north, from north to south, then those along the road from
    the west, from west to east. The crossing itself is a cell of both. The road is empty at a reset, and so
    is its observation.
    """
    low, high = params.box
    cells = params.cells
    north = state.line == NORTH
    behind = _arm_length(state.line) - state.to_line
    north_y, west_x = network.LINE_COORDINATE
    # The road that a car is on: that of its next line before it, that of the last line behind it.
    approach = _cell(jnp.where(north, north_y + state.to_line, west_x - state.to_line))
    exit_ = _cell(jnp.where(north, west_x + behind, north_y - behind))
    first, last = (low + 10) // 4, (high + 10) // 4 - 1
    coming = (first <= approach) & (approach <= last)
    cell = jnp.where(coming, approach, exit_)
    on_north_road = north == coming
    bit = jnp.where(on_north_road, last - cell, cells + cell - first)
    visible = state.driving & (first <= cell) & (cell <= last)
    bit = jnp.where(visible, bit, -1)
    seen = (bit[:, None] == jnp.arange(2 * cells)).any(0)
    crossing = _CROSSING_CELL
    shared = jnp.array([last - crossing, cells + crossing - first])
    seen = seen.at[shared].set(seen[shared].any())
    return seen.astype(jnp.float32)


def lane_view(state: State) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """The cars in SUMO's terms.

    Returns:
      Lane as an index into `network.LANES`, int32[N]; metres from the lane's beginning to the car's front,
      float[N]; speed in m/s, float[N]; and whether the car is on the road, bool[N]. Lane, position and speed
      are -1 where it is not.
    """
    ends = jnp.asarray(network.LANE_END)[state.line]
    ordinal = (state.to_line[:, None] < ends).sum(-1)
    lane = jnp.asarray(network.ARM_LANES)[state.line, ordinal]
    to_end = state.to_line - jnp.take_along_axis(ends, ordinal[:, None], -1)[:, 0]
    position = jnp.asarray(network.LANE_LENGTH)[lane] - to_end
    absent = ~state.driving
    return (
        jnp.where(absent, -1, lane).astype(jnp.int32),
        jnp.where(absent, -1, position),
        jnp.where(absent, -1, state.speed),
        state.driving,
    )


_CROSSING_CELL = 12
"""`_cell` of the crossing on both roads: 38 to 42 m."""


def _cell(coordinate: jax.Array) -> jax.Array:
    """Cell of 4 m, int32; as published, with halves rounded to the even cell."""
    return jnp.round((coordinate + 10) * 0.25 - 0.5).astype(jnp.int32)


def _next_speed(state: State, light: jax.Array, noise: jax.Array, params: Params) -> jax.Array:
    """Speed of every car in this step, 0 for cars that are not on the road, float[N]."""
    speed, to_line = state.speed, state.to_line
    brake_gap = _brake_gap(speed)
    green = light == jnp.where(state.line == NORTH, NORTH_GREEN, WEST_GREEN)
    stops = ~green & (to_line >= brake_gap)  # at red and yellow alike, if braking still suffices

    ahead = _ahead(state)
    others = state.driving & ~jnp.eye(len(speed), dtype=bool)
    leads = others & (ahead - CAR_LENGTH < _sight(state, stops)[:, None])
    # The least is that of the nearest car: the next one is a car's length ahead of it, which no brake gap
    # makes up for. This spares finding out which car is the nearest.
    room = ahead - (CAR_LENGTH + MIN_GAP) + brake_gap
    room = jnp.where(leads, room, jnp.inf).min(-1)
    safe = jnp.minimum(jnp.minimum(speed + ACCELERATION, SPEED_LIMIT), _stop_speed(room))
    before_line = to_line - jnp.maximum(0.1, jnp.minimum(1.0, to_line - brake_gap))
    safe = jnp.where(stops, jnp.minimum(safe, _stop_speed(before_line)), safe)

    lowest = jnp.minimum(jnp.maximum(speed - BRAKING, 0.0), jnp.maximum(safe, speed - EMERGENCY_BRAKING))
    highest = jnp.maximum(lowest, safe)
    dawdled = highest - params.sigma * jnp.minimum(highest, ACCELERATION) * noise
    dawdled = jnp.maximum(lowest, dawdled)
    return jnp.where(state.driving & (dawdled >= 1e-4), dawdled, 0.0)


def _sight(state: State, stops: jax.Array) -> jax.Array:
    """Metres beyond which a car heeds no car: to the line where it stops, or its route's end, float[N]."""
    sight = jnp.where(stops, state.to_line, jnp.inf)
    return jnp.where(state.lines_left == 0, state.to_line - _exit(state), sight)


def _stop_speed(gap: jax.Array) -> jax.Array:
    """Highest speed from which a car can stop within ``gap`` metres, braking once a second, float[N].

    With ``n`` whole seconds of full braking after this one, SUMO's value is
    ``4.5 n + (gap - 4.5 n (n + 1) / 2) / (n + 1)``: chords of a concave curve, so the right ``n`` gives
    the least value. Above ``n = 1`` all are beyond the speed limit.
    """
    gap = jnp.maximum(gap - 0.001, 0.0)
    return jnp.minimum(gap, BRAKING + (gap - BRAKING) / 2)


def _brake_gap(speed: jax.Array) -> jax.Array:
    """Metres in which a car stops, braking once a second from the next second on, float[N].

    The speed limit is below two seconds' braking, so at most one whole second is spent at speed.
    """
    return jnp.maximum(speed - BRAKING, 0.0)


def _ahead(state: State) -> jax.Array:
    """Metres from the front of car i forward to the front of car j, [i, j], float[N, N]."""
    line, to_line = state.line, state.to_line
    same = line[:, None] == line
    difference = to_line[:, None] - to_line
    round_trip = jnp.where(difference >= 0, 0.0, LOOP_LENGTH)
    return difference + jnp.where(same, round_trip, _arm_length(line))


def _enters(state: State) -> jax.Array:
    """Which cars appear now, bool[N].

    Car k is due after k seconds. Those of one route wait for each other, and for the nearest car ahead to be
    a length and a gap away.
    """
    cars = jnp.arange(len(state.route))
    due = (state.status == OUTSIDE) & (cars < state.time)
    same_route = state.route[:, None] == state.route
    earlier = cars < cars[:, None]
    next_in_queue = due & ~(due & same_route & earlier).any(-1)
    free = (~state.driving | (_ahead(state) >= CAR_LENGTH + MIN_GAP)).all(-1)
    return next_in_queue & free


def _exit(state: State) -> jax.Array:
    """Metres from the end of each car's route to the line behind it, float[N]."""
    return _of_route(state.route, network.EXIT_DISTANCE)


def _arm_length(line: jax.Array) -> jax.Array:
    """Metres from the other line to ``line``."""
    north, west = network.ARM_LENGTH
    return jnp.where(line == NORTH, float(north), float(west))


def _of_route(route: jax.Array, values: np.ndarray) -> jax.Array:
    """The value of each car's route, [N]."""
    return jnp.where(route == 0, jnp.asarray(values[0]), jnp.asarray(values[1]))
