"""Ctrl-C and SIGTERM as a wish that the run asks for between its calls."""

import signal
import sys
import threading
from typing import Any


class StopRequest:
    """Notes the signals instead of raising; a second one raises `KeyboardInterrupt`.

    Only a program's main thread hears of signals, so elsewhere nothing is noted.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
        print("Stopping and saving; once more to stop at once.", file=sys.stderr)
