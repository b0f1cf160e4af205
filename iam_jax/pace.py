"""How many updates a call of the compiled program does, so that the host looks about once a second."""

import time

SECONDS_OF_A_CALL = 1.0


class Pace:
    """Counts the seconds of calls, as a context around each.

    Attributes:
      seconds: Of the last call.
    """

    def __init__(self) -> None:
        self.seconds, self._number, self._began = 0.0, 0, 0.0

    def next(self, most: int) -> int:
        """Updates of the next call: one at first, then as many as take a second, but ``most`` at most."""
        if self._number:
            # At most twice as many as before, for the first call may have been quick by chance.
            wanted = self._number * SECONDS_OF_A_CALL / max(self.seconds, 1e-9)
            self._number = max(1, min(most, 2 * max(self._number, 1), int(wanted)))
        else:
            self._number = 1
        return self._number

    def __enter__(self) -> "Pace":
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
