"""Classes of one's own by their place: how they are made, and how their faults are told."""

import contextlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from envs_jax import paths
from iam_jax.limits import flag


def make(option: str, place: str, base: type, described: str = "", **arguments: Any) -> Any:
    """An object of a class of one's own.

    Args:
      option: Where it was named, such as ``cell``.
      place: Of the class, as `envs_jax.paths.load` takes it.
      base: What it must derive from.
      described: More that it may derive from, for the message.
      **arguments: It is made with these.

    Raises:
      ValueError: It cannot be found, derives from something else or cannot be made; in one sentence.
    """
    cls, option = paths.load(place), _typed(option)
    if not inspect.isclass(cls):
        raise ValueError(f"{option} {place} is no class.")
    if not issubclass(cls, base):
        raise ValueError(
            f"{option} {place} must derive from {base.__name__}{described} of {base.__module__}."
        )
    try:
        return cls(**arguments)
    except Exception as error:  # whatever the class raises
        given = ", ".join(arguments) or "no arguments"
        raise ValueError(f"{option} {place} cannot be made with {given} ({paths.explain(error)}).") from error


@contextlib.contextmanager
def blamed(own: dict[str, str]) -> Iterator[None]:
    """Turns what classes of one's own (option -> place) raise into one sentence with the line it is from.

    Raises:
      ValueError: That sentence.
    """
    try:
        yield
    except Exception as error:
        files = [Path(inspect.getfile(paths.load(place))) for place in own.values()]
        raise ValueError(f"{listed(own)} cannot be run ({paths.explain(error, files)}).") from error


def listed(own: dict[str, str]) -> str:
    """Classes of one's own as they were typed."""
    return " ".join(f"{_typed(option)} {place}" for option, place in own.items())


def _typed(option: str) -> str:
    return "--model" if option == "network" else f"--{flag(option)}"
