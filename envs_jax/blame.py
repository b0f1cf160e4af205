"""Names the line of an environment's own code in which an exception arose."""

import contextlib
import inspect
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from envs_jax import environment, spaces
from envs_jax.wrappers import base, frames, statistics, vectors

PROTOCOL = {
    "envs_jax.testing",
    __name__,
    *(module.__name__ for module in (environment, spaces, base, frames, statistics, vectors)),
}
"""Modules that only pass on what an environment does."""


class ContractError(AssertionError):
    """A rule of the contract that an environment breaks; the message is one sentence."""


@contextlib.contextmanager
def blame(env: Any, method: str) -> Iterator[None]:
    """Turns an exception that arises within into one sentence that names its place in the environment's code.

    Args:
      env: The environment whose code runs within.
      method: What is called there.

    Raises:
      ContractError: With file, line and method of the innermost frame that belongs to the environment, if
        one does, and the first line of what was raised.
    """
    try:
        yield
    except ContractError:
        raise
    except Exception as error:
        frames = [
            (frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if _owns(env, frame)
        ]
        place = _place(*frames[-1]) if frames else ""
        first_line = next(iter(str(error).strip().splitlines()), "")
        what = f"{type(error).__name__}: {first_line}".rstrip(": ")
        raise ContractError(f"{method} of {env.name} fails{place}: {what}") from None


def _place(frame: FrameType, line: int) -> str:
    code = frame.f_code
    return f" in {Path(code.co_filename).name}, line {line}, in {code.co_qualname}"


def _owns(env: Any, frame: FrameType) -> bool:
    """Whether a frame runs code of the environment: of its package, or of a file in the folder of its own."""
    module = frame.f_globals.get("__name__", "")
    if module in PROTOCOL:
        return False
    file = Path(frame.f_code.co_filename)
    return any(
        module.partition(".")[0] == cls.__module__.partition(".")[0] or _lies_beside(file, cls)
        for cls in _classes(env)
    )


def _classes(env: Any) -> Iterator[type]:
    """What an environment is made of, wrappers and base classes included, the protocol's left out."""
    while True:
        yield from (cls for cls in type(env).__mro__ if cls.__module__ not in {*PROTOCOL, "builtins"})
        if not isinstance(env, base.Wrapper):
            return
        env = env._env


def _lies_beside(file: Path, cls: type) -> bool:
    """Whether a file is in the folder of a class's source, or below it and not installed there."""
    try:
        folder = Path(inspect.getfile(cls)).parent
    except (TypeError, OSError):  # typed into an interpreter
        return False
    return file.is_relative_to(folder) and "site-packages" not in file.relative_to(folder).parts
