"""The games themselves, emulated by ALE: needs the extra ``atari``. ALE is imported where it is started."""

import dataclasses
from typing import Any

import numpy as np

from envs_jax.atari import screen

ALE_ACTIONS = {"pong": (0, 1, 3, 4, 11, 12), "breakout": (0, 1, 3, 4)}
"""ALE's number of each of our actions."""
_MEMORY: dict[str, dict[str, Any]] = {
    # Where the games keep what our states hold; a tuple: the whole number and its 256ths.
    "pong": {
        "ball": ((49,), (54,)),
        "velocity": ((58,), (56,)),
        "opponent": (50,),
        "paddle": (51,),
        "clock": (8,),
    },
    "breakout": {
        "ball": ((99, 100), (101, 102)),
        "velocity": ((105, 106), (103, 104)),
        "half": (108,),
        "paddle": (72,),
        "clock": (90,),
    },
}


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What the memory of a game holds after a frame, in the words and units of our states.

    Attributes:
      ball: x and y, int[2]; in Breakout in 1/256 pixel.
      velocity: To the right and downwards, int[2], in the same units.
      paddle: The player's place, int.
      clock: Frames modulo 256, int.
      other: y of Pong's opponent, or half the width of Breakout's paddle, int.
    """

    ball: np.ndarray
    velocity: np.ndarray
    paddle: int
    clock: int
    other: int


class Original:
    """One game in ALE: without sticky actions, so that only the actions decide.

    Args:
      name: ``pong`` or ``breakout``.

    Raises:
      ModuleNotFoundError: ale-py is not installed.
    """

    def __init__(self, name: str):
        try:
            import ale_py
        except ModuleNotFoundError:
            message = "The original games need ale-py: pip install 'iam-jax[atari]'."
            raise ModuleNotFoundError(message) from None

        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self._name = name
        self._ale: Any = ale_py.ALEInterface()
        self._ale.setFloat("repeat_action_probability", 0.0)
        rom = ale_py.roms.get_rom_path(name)
        assert rom is not None  # ale-py brings both
        self._ale.loadROM(rom)
        self._seen = np.zeros((2, screen.ROWS, screen.COLUMNS), np.uint8)

    @property
    def over(self) -> bool:
        return self._ale.game_over()

    def reset(self, noops: int = 0) -> None:
        """A new game, ``noops`` frames after its start."""
        self._ale.reset_game()
        self._seen[:] = self._ale.getScreenGrayscale()
        for _ in range(noops):
            self.frame(0)

    def frame(self, action: int) -> int:
        """One frame with one of our actions; the points won less those lost."""
        return self._ale.act(ALE_ACTIONS[self._name][action])

    def step(self, action: int, frame_skip: int = 4) -> int:
        """An action held for some frames; the points won less those lost."""
        points = 0
        for left in reversed(range(frame_skip)):
            points += self.frame(action)
            self.look(left)
        return points

    def look(self, left: int) -> None:
        """Keeps the present screen for `observation`, if fewer than two frames of a step are ``left``."""
        if left < 2:
            self._seen[left] = self._ale.getScreenGrayscale()

    def observation(self) -> np.ndarray:
        """The brighter of a step's last two frames, grey and reduced by area, uint8[84, 84, 1]."""
        return np.rint(screen.shrink(self._seen.max(0).astype(float))).astype(np.uint8)[..., None]

    def colours(self) -> np.ndarray:
        """The last frame, uint8[210, 160, 3]."""
        return self._ale.getScreenRGB()

    def snapshot(self) -> Snapshot:
        """What the game's memory holds."""
        memory = self._ale.getRAM().astype(int)
        places = _MEMORY[self._name]
        ball, velocity = (
            np.array([_number(memory, place) for place in places[key]]) for key in ("ball", "velocity")
        )
        bits = 8 * len(places["velocity"][0])
        signed = np.where(velocity >= 2 ** (bits - 1), velocity - 2**bits, velocity)
        return Snapshot(
            ball=ball,
            velocity=signed * np.array([-1, 1]),  # the games count movement to the left
            paddle=_number(memory, places["paddle"]),
            clock=_number(memory, places["clock"]),
            other=_number(memory, places["opponent" if self._name == "pong" else "half"]),
        )


def _number(memory: np.ndarray, place: Any) -> int:
    """Bytes of the memory as one number, the highest first."""
    return int(sum(memory[byte] * 256**power for power, byte in enumerate(reversed(place))))
