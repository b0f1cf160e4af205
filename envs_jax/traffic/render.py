"""Pictures of the traffic task."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from envs_jax.traffic import dynamics, network
from envs_jax.traffic.state import (
    NORTH_GREEN,
    NORTH_YELLOW,
    UNSET,
    WEST_GREEN,
    WEST_YELLOW,
    Params,
    State,
)

SCALE = 5
"""Pixels per metre."""
SMOOTH = 3
"""Drawn so many times larger and then reduced, which smooths the edges."""
LOW, HIGH = -6.0, 109.0
"""Metres from edge to edge, on both axes."""
ROAD_WIDTH, CAR_WIDTH = 3.6, 2.0

GROUND, ROAD, ARROW, LINE = (246, 244, 238), (92, 96, 102), (150, 154, 160), (255, 255, 255)
SEEN, INFLUENCE, TEXT = (150, 180, 214), (228, 168, 72), (70, 72, 78)
MOVING, STANDING, UNSEEN = (52, 84, 150), (208, 72, 48), (188, 192, 198)
RED, YELLOW, GREEN, OFF = (214, 62, 50), (240, 190, 40), (66, 166, 84), (120, 120, 120)
LIGHTS = {
    UNSET: (OFF, OFF),
    NORTH_GREEN: (GREEN, RED),
    NORTH_YELLOW: (YELLOW, RED),
    WEST_GREEN: (RED, GREEN),
    WEST_YELLOW: (RED, YELLOW),
}
"""Colours of the northern and the western line."""


def render(state: State, params: Params) -> np.ndarray:
    """The loop from above, north up.

    Blue cells: in the agent's sight. Orange cells: the d-set, where cars leave its sight. Cars: blue in
    sight, red where they stand, pale with the same outline where the agent cannot see them. Bars before the
    crossing: the lights, which it cannot see either.

    Returns:
      uint8[H, W, 3] with `SCALE` pixels per metre.
    """
    image = _background(params.box).copy()
    draw = ImageDraw.Draw(image)
    north, west = LIGHTS[int(state.light)]
    _thick(draw, [(36.2, 44.0), (40.6, 44.0)], 1.5, north)
    _thick(draw, [(32.8, 36.2), (32.8, 40.6)], 1.5, west)
    lane, position, speed, driving = map(np.asarray, dynamics.lane_view(state))
    for k in np.flatnonzero(driving):
        _car(draw, int(lane[k]), float(position[k]), float(speed[k]), params.box)
    waiting = int((np.asarray(state.waiting) > 0).sum())
    font = ImageFont.load_default(size=4.4 * SCALE * SMOOTH)
    for row, text in enumerate((f"{int(state.time)} s", f"{waiting} waiting")):
        draw.text(_pixel(50, 28 - 7 * row), text, fill=TEXT, font=font)
    size = image.width // SMOOTH
    return np.asarray(image.resize((size, size), Image.Resampling.BOX))


@lru_cache
def _background(box: tuple[int, int]) -> Image.Image:
    """Everything that does not move."""
    side = int((HIGH - LOW) * SCALE * SMOOTH)
    image = Image.new("RGB", (side, side), GROUND)
    draw = ImageDraw.Draw(image)
    middles = _middle_line()
    _thick(draw, [*middles, middles[0]], ROAD_WIDTH, ROAD)
    for x, y, dx, dy in _arrows(box):
        _thick(draw, [(x - dx - dy, y - dy + dx), (x, y), (x - dx + dy, y - dy - dx)], 0.4, ARROW)
    low, high = box
    cells = range(low, high, 4)
    across = 38.4
    for index, near in enumerate(cells):
        # The last two cells of each exit: southernmost below, easternmost to the right.
        _cell(draw, across, near, index < 2, upright=True)
        _cell(draw, near, across, index >= len(cells) - 2, upright=False)
    left, bottom = _pixel(across - ROAD_WIDTH / 2, across - ROAD_WIDTH / 2)
    right, top = _pixel(across + ROAD_WIDTH / 2, across + ROAD_WIDTH / 2)
    draw.rectangle((left, top, right, bottom), fill=SEEN)
    return image


def _cell(draw: ImageDraw.ImageDraw, x: float, y: float, influence: bool, *, upright: bool) -> None:
    half, margin = ROAD_WIDTH / 2, 0.3
    colour = INFLUENCE if influence else SEEN
    if upright:
        corners = (x - half, y + margin, x + half, y + 4 - margin)
    else:
        corners = (x + margin, y - half, x + 4 - margin, y + half)
    (left, bottom), (right, top) = _pixel(*corners[:2]), _pixel(*corners[2:])
    draw.rectangle((left, top, right, bottom), fill=colour)


def _car(draw: ImageDraw.ImageDraw, lane: int, position: float, speed: float, box: tuple[int, int]) -> None:
    """A car from its front backwards along the road."""
    path = [_point(lane, position - back) for back in np.linspace(0, dynamics.CAR_LENGTH, 6)]
    seen = _in_sight(*path[0], box)
    colour = STANDING if speed <= dynamics.WAITING_SPEED else MOVING
    _thick(draw, path, CAR_WIDTH + 0.7, LINE if seen else colour)
    _thick(draw, path, CAR_WIDTH, colour if seen else UNSEEN)


def _point(lane: int, position: float) -> tuple[float, float]:
    """Coordinates of a place that may lie before the beginning of the lane."""
    while position < 0:
        lane = (lane - 1) % len(network.LANES)
        position += network.LANES[lane].length
    x, y = network.coordinates(np.array(lane), np.array(position))
    return float(x), float(y)


def _middle_line() -> list[tuple[float, float]]:
    return [point for lane in network.LANES for point in (lane.start, lane.end)]


def _arrows(box: tuple[int, int]) -> list[tuple[float, float, float, float]]:
    """Middle of each long lane out of sight, and its direction: x, y, dx, dy."""
    arrows = []
    for lane in network.LANES:
        start, end = np.array(lane.start), np.array(lane.end)
        x, y = (start + end) / 2
        if lane.length > 20 and not _in_sight(x, y, box):
            arrows.append((x, y, *((end - start) / np.linalg.norm(end - start))))
    return arrows


def _in_sight(x: float, y: float, box: tuple[int, int]) -> bool:
    low, high = box
    return (38 <= x < 42 and low <= y < high) or (38 <= y < 42 and low <= x < high)


def _thick(
    draw: ImageDraw.ImageDraw, path: list[tuple[float, float]], width: float, colour: tuple[int, int, int]
) -> None:
    """A line of a width in metres, with round joints."""
    draw.line([_pixel(*point) for point in path], colour, round(width * SCALE * SMOOTH), joint="curve")


def _pixel(x: float, y: float) -> tuple[float, float]:
    return (x - LOW) * SCALE * SMOOTH, (HIGH - y) * SCALE * SMOOTH
