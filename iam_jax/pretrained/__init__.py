"""Trained agents that come with the package: ``iam_jax.load("pretrained:warehouse-iam")``.

Each is a folder of three files below ``agents``: ``config.json`` as a run has it, ``params.safetensors``, and
``card.json``, which says what made the agent and what it earned. None of them holds code.
"""

import difflib
import re
from pathlib import Path

import msgspec

from iam_jax import stored
from iam_jax.config import Config
from iam_jax.errors import ConfigError

PREFIX = "pretrained:"
FOLDER = Path(__file__).with_name("agents")
CARD = "card.json"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""What an agent may be called."""


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of an agent beside its config.

    Attributes:
      command: That trained it.
      which: The checkpoint that it comes from, ``best`` or ``last``.
      updates: That were done by then.
      seconds: Of training by then, compilation not counted.
      mean_return: Of the episodes below, undiscounted, with sampled actions.
      se: Standard error of that mean.
      episodes: How many were played.
      evaluation_seed: Of their environments and actions.
      device: On which they were played.
    """

    command: str
    which: str
    updates: int
    seconds: float
    mean_return: float
    se: float
    episodes: int
    evaluation_seed: int
    device: str


class Entry(msgspec.Struct, frozen=True):
    """One agent of the package.

    Attributes:
      name: Behind the prefix.
      config: Of the run that it comes from, cut down to its seed.
      card: What is known of it.
      size: Of its files in bytes.
    """

    name: str
    config: Config
    card: Card
    size: int


def names(folder: Path = FOLDER) -> list[str]:
    """Of all agents, in alphabetical order."""
    return sorted(file.parent.name for file in folder.glob(f"*/{CARD}"))


def entries(folder: Path = FOLDER) -> list[Entry]:
    """All agents, in alphabetical order; their parameters are not read."""
    return [
        Entry(
            name=name,
            config=stored.load(folder / name),
            card=read_card(folder / name),
            size=sum(file.stat().st_size for file in (folder / name).iterdir()),
        )
        for name in names(folder)
    ]


def is_name(place: str | Path) -> bool:
    """Whether it names an agent of the package, and not a folder."""
    return str(place).startswith(PREFIX)


def folder_of(place: str | Path) -> Path:
    """The folder behind ``pretrained:NAME``, and any other folder as it is.

    Raises:
      ConfigError: There is no such agent; the message lists near misses.
    """
    if not is_name(place):
        return Path(place)
    name, known = str(place).removeprefix(PREFIX), names()
    if name in known:
        return FOLDER / name
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}."
    raise ConfigError(f"There is no pretrained agent {name!r}: {hint}")


def file_for(place: str | Path, name: str) -> Path:
    """Where what is made of an agent goes: to its run's folder, or for one of the package to NAME.* here."""
    folder = folder_of(place)
    return Path(folder.name).with_suffix(Path(name).suffix) if is_name(place) else folder / name


def read_card(folder: Path) -> Card:
    """The card of an agent.

    Raises:
      ConfigError: It is missing or damaged.
    """
    file = folder / CARD
    try:
        return msgspec.json.decode(file.read_bytes(), type=Card)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{file} is missing or damaged ({error}).") from error
