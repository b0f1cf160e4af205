"""The same task in Eclipse SUMO, through libsumo: what the JAX rules are held to.

Needs ``pip install -e '.[traffic]'``. The network is built by SUMO's own ``netconvert`` from the nodes and
edges of `envs_jax.traffic.network`. SUMO lives once in a process, so one `Sumo` runs at a time.
"""

import dataclasses
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from envs_jax.traffic import network
from envs_jax.traffic.state import Params

PHASES = ("GGrr", "yyrr", "rrGG", "rryy")
"""SUMO's letters for `state.NORTH_GREEN` .. `WEST_YELLOW`: two links from the north, two from the west."""

NUM_LANE_GENERATORS = 64
"""SUMO's default number of generators for dawdling; this network has fewer lanes."""


@dataclasses.dataclass(frozen=True)
class Trace:
    """One recorded episode of T steps with N cars; row t is the state after step t.

    Attributes:
      routes: Index into `network.ROUTES`, int[N].
      light_before: Light and remaining yellow steps at the reset, (-1, 0) unless carried over.
      action: int[T].
      light: Index into `PHASES`, int[T].
      lane: Index into `network.LANES`, -1 where a car is not on the road, int[T, N].
      position: Metres from the lane's beginning to the car's front, -1 where absent, float[T, N].
      speed: m/s, -1 where absent, float[T, N].
      driving: Whether each car is on the road, bool[T, N].
      waiting: SUMO's waiting time in seconds, 0 where absent, float[T, N].
      observation: float32[T, O].
      reward: float[T].
      noise: SUMO's random number behind each car's dawdling, 0 where it was not yet on the road, float[T, N].
      done: Whether the episode ended in each step, bool[T].
    """

    routes: np.ndarray
    light_before: tuple[int, int]
    action: np.ndarray
    light: np.ndarray
    lane: np.ndarray
    position: np.ndarray
    speed: np.ndarray
    driving: np.ndarray
    waiting: np.ndarray
    observation: np.ndarray
    reward: np.ndarray
    noise: np.ndarray
    done: np.ndarray


class Sumo:
    """The traffic task simulated by SUMO.

    Args:
      params: The variant, as for the JAX environment.

    Raises:
      ValueError: SUMO is not installed, or could not build the network.
    """

    _running: "Sumo | None" = None

    def __init__(self, params: Params | None = None):
        self._libsumo, netconvert = _installed()
        self.params = Params() if params is None else params
        self._folder = tempfile.TemporaryDirectory(prefix="iam-jax-sumo-")
        self._files = Path(self._folder.name)
        self._cars_file = self._files / "cars.rou.xml"
        self._build_network(netconvert)
        self._lanes = [lane.attrib["id"] for lane in ElementTree.parse(self._network).iter("lane")]
        self._light, self._yellow_left = -1, 0
        self.time = 0

    def reset(self, seed: int, routes: Any) -> np.ndarray:
        """Starts an episode.

        Args:
          seed: SUMO's seed.
          routes: Index into `network.ROUTES` for each car, int[N].

        Returns:
          The first observation, all zeros, float32[O].
        """
        if Sumo._running is not None:
            Sumo._running.close()
        self.time = 0
        self.routes = np.asarray(routes, int)
        if not self.params.carry_light_over_resets:
            self.forget_light()
        self._write_routes()
        self._libsumo.start(
            [
                *("sumo", "--net-file", str(self._network), "--route-files", str(self._cars_file)),
                *("--seed", str(seed), "--thread-rngs", str(NUM_LANE_GENERATORS), "--step-length", "1"),
                *("--no-step-log", "true", "--no-warnings", "true", "--xml-validation", "never"),
            ]
        )
        Sumo._running = self
        return self.observe()

    def step(self, action: int) -> tuple[np.ndarray, float, bool]:
        """One second: the observation, float32[O], the reward, and whether the episode is over.

        Raises:
          RuntimeError: No episode runs here: not reset yet, closed, or another `Sumo` was reset since.
        """
        if Sumo._running is not self:
            raise RuntimeError("No episode runs in this Sumo: call reset first.")
        self._switch_light(int(action))
        self._libsumo.trafficlight.setRedYellowGreenState(network.TRAFFIC_LIGHT, PHASES[self._light])
        self._libsumo.simulationStep()
        self.time += 1
        waiting = sum(self._libsumo.vehicle.getWaitingTime(car) > 0 for car in self._cars())
        over = self._libsumo.simulation.getMinExpectedNumber() == 0
        return self.observe(), -0.1 * waiting, bool(over or self.time >= self.params.max_steps_in_episode)

    def observe(self) -> np.ndarray:
        """Cells with a car, as `dynamics.observe` has them, float32[O]; computed from SUMO's coordinates."""
        low, high = self.params.box
        cells = self.params.cells
        seen = np.zeros(2 * cells, np.float32)
        for car in self._cars():
            place = self._libsumo.vehicle.getPosition(car)
            column, row = (round((coordinate + 10) * 0.25 - 0.5) for coordinate in place)
            first, last = (low + 10) // 4, (high + 10) // 4 - 1
            if column == 12 and first <= row <= last:
                seen[last - row] = 1
            if row == 12 and first <= column <= last:
                seen[cells + column - first] = 1
        return seen

    def lane_view(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Lane, position, speed and presence of every car, as `dynamics.lane_view`, [N] each."""
        lane = np.full(self.params.num_cars, -1)
        position, speed = np.full(len(lane), -1.0), np.full(len(lane), -1.0)
        names = [lane.name for lane in network.LANES]
        vehicle = self._libsumo.vehicle
        for car in self._cars():
            lane[int(car)] = names.index(vehicle.getLaneID(car))
            position[int(car)] = vehicle.getLanePosition(car)
            speed[int(car)] = vehicle.getSpeed(car)
        return lane, position, speed, lane >= 0

    def record(self, seed: int, routes: Any, policy: Callable[[int, np.ndarray], int]) -> Trace:
        """Plays one episode.

        Args:
          seed: SUMO's seed.
          routes: Index into `network.ROUTES` for each car, int[N].
          policy: From the step's number and the observation to the action.
        """
        observation, done = self.reset(seed, routes), False
        light_before = (self._light, self._yellow_left)
        # SUMO numbers the lanes in the order of the network file and gives each a generator of its own.
        generators = {
            lane: np.random.RandomState(seed + index % NUM_LANE_GENERATORS)
            for index, lane in enumerate(self._lanes)
        }
        rows = []
        while not done:
            action = policy(self.time, observation)
            noise = self._draw_noise(generators)
            observation, reward, done = self.step(action)
            waiting = np.zeros(self.params.num_cars)
            for car in self._cars():
                waiting[int(car)] = self._libsumo.vehicle.getWaitingTime(car)
            view = self.lane_view()
            rows.append((action, self._light, *view, waiting, observation, reward, noise, done))
        return Trace(self.routes, light_before, *(np.array(column) for column in zip(*rows, strict=True)))

    def forget_light(self) -> None:
        """The next episode begins without a light, even with ``carry_light_over_resets``."""
        self._light, self._yellow_left = -1, 0

    def close(self) -> None:
        """Ends the episode and frees SUMO for another."""
        if Sumo._running is self:
            self._libsumo.close()
            Sumo._running = None

    def _cars(self) -> Any:
        return self._libsumo.vehicle.getIDList() if Sumo._running is self else ()

    def _switch_light(self, action: int) -> None:
        if self._light in (1, 3):
            if self._yellow_left > 0:
                self._yellow_left -= 1
            else:
                self._light = (self._light + 1) % 4
        elif self._light in (-1, 2 * action):
            self._light = 2 * action
        else:
            self._light += 1
            self._yellow_left = int(self.params.yellow_steps) - 1

    def _draw_noise(self, generators: dict[str, np.random.RandomState]) -> np.ndarray:
        """Each lane's generator gives one number per car on it, from the front to the rear, float[N]."""
        vehicle = self._libsumo.vehicle
        noise = np.zeros(self.params.num_cars)
        for car in sorted(self._cars(), key=vehicle.getLanePosition, reverse=True):
            draw = generators[vehicle.getLaneID(car)].randint(0, 2**32, dtype=np.uint32)
            noise[int(car)] = draw / 2**32
        return noise

    def _build_network(self, netconvert: str) -> None:
        nodes = ElementTree.Element("nodes")
        for name, (x, y) in network.NODES.items():
            kind = "traffic_light" if name == network.TRAFFIC_LIGHT else "priority"
            ElementTree.SubElement(nodes, "node", id=name, x=str(x), y=str(y), type=kind)
        edges = ElementTree.Element("edges")
        for name, (begin, end) in network.EDGES.items():
            attributes = {"id": name, "from": begin, "to": end, "numLanes": "1"}
            ElementTree.SubElement(edges, "edge", attributes, speed=str(network.SPEED_LIMIT))
        # Connections are left to netconvert: it adds turns that nobody takes, and they decide which lanes the
        # crossing has and in which order SUMO numbers them.
        self._network = self._files / "loop.net.xml"
        files = {"--node-files": nodes, "--edge-files": edges}
        command = [netconvert, "--output-file", str(self._network), "--junctions.limit-turn-speed", "-1"]
        for option, tree in files.items():
            file = self._files / f"loop{option}.xml"
            ElementTree.ElementTree(tree).write(file)
            command += [option, str(file)]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode != 0:
            raise ValueError(f"SUMO's netconvert could not build the network: {built.stderr.strip()}")

    def _write_routes(self) -> None:
        """One car a second, at rest; no deviation from the speed limit."""
        root = ElementTree.Element("routes")
        kind = {"id": "car", "vClass": "passenger", "speedFactor": "1", "speedDev": "0"}
        ElementTree.SubElement(root, "vType", kind, sigma=str(float(self.params.sigma)))
        for index, route in enumerate(network.ROUTES):
            ElementTree.SubElement(root, "route", id=f"r{index}", edges=" ".join(route.edge_names))
        for car, route_index in enumerate(self.routes):
            attributes = {"type": "car", "route": f"r{route_index}", "depart": str(car), "departSpeed": "0"}
            ElementTree.SubElement(root, "vehicle", attributes, id=str(car))
        ElementTree.ElementTree(root).write(self._cars_file)


def _installed() -> tuple[Any, str]:
    """The libsumo module and the path of netconvert."""
    try:
        import libsumo
        import sumo
    except ImportError as error:
        raise ValueError("SUMO's libraries are not installed: run `pip install -e '.[traffic]'`.") from error
    netconvert = shutil.which("netconvert", path=os.path.join(sumo.SUMO_HOME, "bin"))
    if netconvert is None:
        raise ValueError("SUMO has no netconvert: run `pip install -e '.[traffic]'`.")
    return libsumo, netconvert
