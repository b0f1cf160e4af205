"""What a traffic environment consists of: its numbers, and the state between two steps.

``N`` is the number of cars; cars are numbered in the order in which they are due to appear.
"""

import jax
from flax import struct

from envs_jax.environment import EnvParams, EnvState

NORTH_GREEN, NORTH_YELLOW, WEST_GREEN, WEST_YELLOW = range(4)
"""Values of the light; in SUMO's letters GGrr, yyrr, rrGG, rryy."""
UNSET = -1
"""Light before the first action."""

OUTSIDE, DRIVING, GONE = range(3)
"""Status of a car: not yet on the road, on it, arrived."""


class Params(EnvParams):
    """Numbers that a user may sweep, then the static choices that change the program.

    Attributes:
      max_steps_in_episode: Time limit in steps of one second. SUMO removes a car that has waited 300 s,
        which is not modelled.
      sigma: How much drivers dawdle, in [0, 1]; 0 is deterministic.
      yellow_steps: Length of each yellow phase in steps, at least 1.
      west_start_probability: Chance that a car starts on the lower loop, towards the western line.
      num_cars: N.
      box: Lower and upper bound in metres, on both axes, of the square around the crossing that the agent
        sees.
      carry_light_over_resets: Keep the light and its timer when an episode ends, as the published program
        does.
    """

    max_steps_in_episode: int = 250
    sigma: float = 0.5
    yellow_steps: int = 6
    west_start_probability: float = 0.5
    num_cars: int = struct.field(pytree_node=False, default=6)
    box: tuple[int, int] = struct.field(pytree_node=False, default=(6, 66))
    carry_light_over_resets: bool = struct.field(pytree_node=False, default=False)

    @property
    def cells(self) -> int:
        """Cells of each of the two roads in sight."""
        return (self.box[1] - self.box[0]) // 4


class State(EnvState):
    """The loop, the cars on it, and the light.

    Attributes:
      time: Steps since the reset, int32[].
      light: Phase during the last step, or `UNSET`, int32[].
      yellow_left: Further steps of the present yellow phase; then comes green, for a step at least, int32[].
      route: Index into `network.ROUTES`, int32[N].
      status: `OUTSIDE`, `DRIVING` or `GONE`, int32[N].
      line: The stop line that the car comes to next, int32[N]; the first one while `OUTSIDE`.
      to_line: Metres from the car's front to that line, float[N].
      lines_left: Lines still to be crossed before the route's end, int32[N].
      speed: Metres per second, float[N].
      waiting: Seconds since the car was last faster than 0.1 m/s, int32[N].
    """

    light: jax.Array
    yellow_left: jax.Array
    route: jax.Array
    status: jax.Array
    line: jax.Array
    to_line: jax.Array
    lines_left: jax.Array
    speed: jax.Array
    waiting: jax.Array

    @property
    def driving(self) -> jax.Array:
        """Whether each car is on the road, bool[N]."""
        return self.status == DRIVING
