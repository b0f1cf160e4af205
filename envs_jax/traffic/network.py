"""The road as data: one crossing whose exits lead back to its entries, so one closed loop.

The published network: eight straight edges and six corners around a signalised crossing, all
driven straight on (turns exist in the junction but no route takes one). Lengths are those that SUMO's
``netconvert`` gives to `NODES` and `EDGES`; a test builds that network and compares them.

The two stop lines cut the loop into two *arms*. A place is written as the line a car comes to next and
the metres to it, because everything that decides a car's speed is near a line or near another car: in
float32 a metre before a line is exact to 1e-7 m, while one coordinate around the loop would lose 3e-5.
"""

import dataclasses

import numpy as np

NORTH, WEST = 0, 1
"""The two stop lines: of the southbound approach from the north, of the eastbound one from the west."""

SPEED_LIMIT = 8.3
"""Metres per second, everywhere."""

NODES = {
    "0": (40.0, 40.0),
    "2": (40.0, 0.0),
    "3": (0.0, 0.0),
    "4": (0.0, 40.0),
    "5": (100.0, 40.0),
    "6": (100.0, 100.0),
    "7": (40.0, 100.0),
}
"""Junction -> (x, y) in metres; ``TRAFFIC_LIGHT`` alone has lights."""

TRAFFIC_LIGHT = "0"

EDGES = {
    "L61": ("0", "2"),
    "L62": ("2", "3"),
    "L63": ("3", "4"),
    "L64": ("4", "0"),
    "L65": ("0", "5"),
    "L66": ("5", "6"),
    "L67": ("6", "7"),
    "L68": ("7", "0"),
}
"""One-lane edge -> (from, to), in driving order but for the two ways through the crossing."""


@dataclasses.dataclass(frozen=True)
class Lane:
    """A lane of the loop.

    Attributes:
      name: SUMO's identifier.
      length: Metres, as SUMO counts them.
      start: (x, y) of its beginning.
      end: (x, y) of its end; the corners between are drawn as straight lines.
    """

    name: str
    length: float
    start: tuple[float, float]
    end: tuple[float, float]


LANES = (
    Lane("L61_0", 29.6, (38.4, 32.8), (38.4, 3.2)),
    Lane(":2_0_0", 2.58, (38.4, 3.2), (36.8, 1.6)),
    Lane("L62_0", 33.6, (36.8, 1.6), (3.2, 1.6)),
    Lane(":3_0_0", 2.58, (3.2, 1.6), (1.6, 3.2)),
    Lane("L63_0", 33.6, (1.6, 3.2), (1.6, 36.8)),
    Lane(":4_0_0", 2.58, (1.6, 36.8), (3.2, 38.4)),
    Lane("L64_0", 29.6, (3.2, 38.4), (32.8, 38.4)),
    Lane(":0_3_0", 11.2, (32.8, 38.4), (44.0, 38.4)),
    Lane("L65_0", 56.0, (44.0, 38.4), (100.0, 38.4)),
    Lane(":5_0_0", 2.58, (100.0, 38.4), (101.6, 40.0)),
    Lane("L66_0", 60.0, (101.6, 40.0), (101.6, 100.0)),
    Lane(":6_0_0", 2.58, (101.6, 100.0), (100.0, 101.6)),
    Lane("L67_0", 60.0, (100.0, 101.6), (40.0, 101.6)),
    Lane(":7_0_0", 2.58, (40.0, 101.6), (38.4, 100.0)),
    Lane("L68_0", 56.0, (38.4, 100.0), (38.4, 44.0)),
    Lane(":0_0_0", 11.2, (38.4, 44.0), (38.4, 32.8)),
)
"""The loop in driving order."""

LANE_LENGTH = np.array([lane.length for lane in LANES])
LOOP_LENGTH = float(LANE_LENGTH.sum().round(2))


def _lane(name: str) -> int:
    return [lane.name for lane in LANES].index(name)


STOP_LANE = (_lane("L68_0"), _lane("L64_0"))
"""Lane at whose end each stop line lies."""

ARM_LANES = np.array([[(STOP_LANE[1 - line] + 1 + k) % 16 for k in range(8)] for line in (NORTH, WEST)])
"""Lanes that lead to each line, from the other line on, int[2, 8]."""

LANE_END = np.array([[LANE_LENGTH[arm[k + 1 :]].sum() for k in range(8)] for arm in ARM_LANES]).round(2)
"""Metres from the end of each of these lanes to the line, [2, 8]."""

ARM_LENGTH = LANE_LENGTH[ARM_LANES].sum(1).round(2)
"""Metres from the other line to each line, [2]."""

LINE_COORDINATE = np.array([LANES[STOP_LANE[NORTH]].end[1], LANES[STOP_LANE[WEST]].end[0]])
"""y of the northern line, x of the western one."""


@dataclasses.dataclass(frozen=True)
class Route:
    """Where a car enters the loop and where it leaves.

    Attributes:
      first: Lane on which it appears.
      last: Lane at whose end it leaves.
      edges: Edges it drives, the first and the last included.
    """

    first: str
    last: str
    edges: int

    @property
    def edge_names(self) -> list[str]:
        """SUMO's edges in driving order."""
        order = [lane.name[:-2] for lane in LANES if lane.name.startswith("L")]
        begin = order.index(self.first[:-2])
        return [order[(begin + k) % len(order)] for k in range(self.edges)]


INSERT_POSITION = 5.1
"""Metres from the beginning of its first lane to a new car's front: its length and 0.1."""

ROUTES = (Route("L67_0", "L62_0", 36), Route("L63_0", "L66_0", 44))
"""The published two: 1775.58 m towards the northern line first, 2171.86 m towards the western one."""


def _place(lane: str, position: float) -> tuple[int, float]:
    """Next line and metres to it."""
    line, ordinal = np.argwhere(_lane(lane) == ARM_LANES)[0]
    return int(line), float(LANE_END[line, ordinal] + LANE_LENGTH[_lane(lane)] - position)


START_LINE = np.array([_place(route.first, 0)[0] for route in ROUTES])
"""Line that a car of each route comes to first, int[2]."""

START_DISTANCE = np.array([_place(route.first, INSERT_POSITION)[1] for route in ROUTES]).round(2)
"""Metres to it at the beginning, [2]."""

EXIT_DISTANCE = np.array([_place(route.last, LANE_LENGTH[_lane(route.last)])[1] for route in ROUTES]).round(2)
"""Metres from the route's end to the line behind it, [2]."""

LINES = np.array([sum(edge in ("L64", "L68") for edge in route.edge_names) for route in ROUTES])
"""Stop lines that each route crosses, int[2]."""


def coordinates(lane: np.ndarray, position: np.ndarray) -> np.ndarray:
    """(x, y) in metres of places on lanes, float[..., 2].

    Args:
      lane: Index into `LANES`, int[...].
      position: Metres from the lane's beginning, float[...].
    """
    start = np.array([lane.start for lane in LANES])[lane]
    end = np.array([lane.end for lane in LANES])[lane]
    return start + (end - start) * (position / LANE_LENGTH[lane])[..., None]
