"""The traffic rules a second time, in plain Python with one coordinate around the loop, in float64.

Written from the rules of SUMO's car-following model, not from `envs_jax`: cars are objects in a list, the
leader is looked for, distances are taken modulo the loop, and the stopping speed counts whole seconds.
"""

import math
from types import SimpleNamespace

import numpy as np

LANES = [("L61", 29.6), (":2", 2.58), ("L62", 33.6), (":3", 2.58), ("L63", 33.6), (":4", 2.58)]
LANES += [("L64", 29.6), (":0_3", 11.2), ("L65", 56.0), (":5", 2.58), ("L66", 60.0), (":6", 2.58)]
LANES += [("L67", 60.0), (":7", 2.58), ("L68", 56.0), (":0_0", 11.2)]
NAMES = [name for name, _ in LANES]
ENDS = np.cumsum([length for _, length in LANES])
LOOP = float(ENDS[-1])
WEST_LINE, NORTH_LINE = ENDS[NAMES.index("L64")], ENDS[NAMES.index("L68")]


def begin(name):
    return ENDS[NAMES.index(name)] - LANES[NAMES.index(name)][1]


def stopping_speed(gap):
    """SUMO's maximum speed from which the gap suffices, with braking once a second."""
    gap = max(gap - 0.001, 0)
    n = math.floor(0.5 - (1 - 0.5 * math.sqrt(1 + 4 * (2 * gap / 4.5 - 1 + 1))))
    return 4.5 * n + (gap - (4.5 * n * (n - 1) / 2 + 4.5 * n)) / (n + 1)


def brake_gap(speed):
    m = math.floor(speed / 4.5)
    return m * speed - 4.5 * m * (m + 1) / 2


class NumpyTraffic:
    def __init__(self, *, sigma=0.5, yellow=6, limit=250):
        self.sigma, self.yellow, self.limit = sigma, yellow, limit

    def reset(self, routes):
        self.time, self.light, self.yellow_left = 0, None, 0
        self.queue, self.cars = [], []
        for k, route in enumerate(routes):
            s = begin("L63" if route else "L67") + 5.1
            trip = 2171.86 if route else 1775.58
            self.queue.append(SimpleNamespace(index=k, route=route, s=s, left=trip, v=0.0, waiting=0))

    def step(self, action, noise):
        self._set_light(action)
        speeds = [self._plan(car, noise[car.index]) for car in self.cars]
        for car, speed in zip(self.cars, speeds, strict=True):
            car.v, car.s, car.left = speed, (car.s + speed) % LOOP, car.left - speed
            car.waiting = car.waiting + 1 if speed <= 0.1 else 0
        self.cars = [car for car in self.cars if car.left >= 0.1]  # SUMO lets them arrive early
        reward = -sum(car.waiting > 0 for car in self.cars) / 10
        for route in (0, 1):
            due = [car for car in self.queue if car.route == route and car.index <= self.time]
            if due and all((car.s - due[0].s) % LOOP >= 7.5 for car in self.cars):
                self.cars.append(due[0])
                self.queue.remove(due[0])
        self.time += 1
        return reward, self.time >= self.limit or not (self.cars or self.queue)

    def observe(self):
        seen = np.zeros(30, np.float32)
        for car in self.cars:
            x, y = self.place(car.s)
            column, row = round((x + 10) * 0.25 - 0.5), round((y + 10) * 0.25 - 0.5)
            if column == 12 and 4 <= row <= 18:
                seen[18 - row] = 1
            if row == 12 and 4 <= column <= 18:
                seen[15 + column - 4] = 1
        return seen

    @staticmethod
    def place(s):
        """Coordinates on the two straight roads through the crossing; elsewhere far away."""
        if begin("L64") <= s <= ENDS[NAMES.index("L65")]:
            return 3.2 + s - begin("L64"), 38.4
        south = s - begin("L68") if s >= begin("L68") else s + LOOP - begin("L68")
        return (38.4, 100 - south) if south <= 56 + 11.2 + 29.6 else (-99, -99)

    def lane_view(self, num_cars):
        lane, position, speed = (np.full(num_cars, -1.0) for _ in range(3))
        for car in self.cars:
            lane[car.index] = k = int(np.searchsorted(ENDS, car.s))
            position[car.index], speed[car.index] = car.s - (ENDS[k] - LANES[k][1]), car.v
        return lane.astype(int), position, speed, lane >= 0

    def _set_light(self, action):
        green, other = [("north", "west"), ("west", "north")][action]
        if self.light in ("north yellow", "west yellow"):
            if self.yellow_left:
                self.yellow_left -= 1
            else:
                self.light = "west" if self.light == "north yellow" else "north"
        elif self.light == other:
            self.light, self.yellow_left = f"{other} yellow", self.yellow - 1
        else:
            self.light = green

    def _plan(self, car, u):
        v = min(car.v + 2.6, 8.3)
        to_north, to_west = (NORTH_LINE - car.s) % LOOP, (WEST_LINE - car.s) % LOOP
        line, light = min((to_north, "north"), (to_west, "west"))
        stops = self.light != light and line >= brake_gap(car.v)
        if stops:
            v = min(v, stopping_speed(line - max(0.1, min(1, line - brake_gap(car.v)))))
        others = [other for other in self.cars if other is not car]
        if others:
            leader = min(others, key=lambda other: (other.s - car.s) % LOOP)
            distance = (leader.s - car.s) % LOOP
            if distance - 5 < car.left and not (stops and distance - 5 >= line):
                v = min(v, stopping_speed(distance - 7.5 + brake_gap(leader.v)))
        low = min(max(car.v - 4.5, 0), max(v, car.v - 9))
        high = max(low, v)
        v = max(low, high - self.sigma * min(high, 2.6) * u)
        return 0.0 if v < 1e-4 else v
