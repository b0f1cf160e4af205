"""One HTML file from recorded episodes, with its data, styles and scripts inside."""

import base64
import html
import io
import json
import math
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image

from iam_jax.agent import Agent
from iam_jax.config import Config, ConfigError
from iam_jax.limits import flag
from iam_jax.look.record import MOST_UNITS, SIDE, Episode, Record
from iam_jax.sweep import label

SCRIPTS = ("draw.js", "panels.js", "memory.js", "page.js")
SIDES = (SIDE, 160, 100)
"""Pixels along the pictures of one agent: the first with which they fit into `ROOM`, or the last."""
ROOM = 1_500_000
"""Bytes for the pictures of one agent."""
COLOURS = 64
STRONGEST = 3
"""Variables that are named for each unit."""
DIGITS = 4
"""Significant digits of every number."""


def check_pair(first: Config, second: Config | None = None) -> None:
    """Refuses two agents that cannot meet the same draws.

    Raises:
      ConfigError: They were trained in different environments.
    """
    if second is None:
        return
    for name in ("env", "env_args", "flicker", "distractors"):
        one, other = getattr(first, name), getattr(second, name)
        if one != other:
            raise ConfigError(
                "Two agents are shown in one environment, and these were trained with "
                f"--{flag(name)} {_words(one)} and {_words(other)}: look at each by itself."
            )


def page(agents: list[Agent], records: list[Record]) -> str:
    """The file, to be written as UTF-8.

    Args:
      agents: One, or two of the same environment.
      records: Of each.
    """
    data = {"agents": [_agent(*pair) for pair in zip(agents, records, strict=True)]}
    # "</" would end the element that the data stands in.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    names = " and ".join(dict.fromkeys(record.name for record in records))
    return (
        _part("page.html")
        .replace("{{title}}", html.escape(f"{agents[0].config.env}: {names}"))
        .replace("{{style}}", _part("page.css"))
        .replace("{{script}}", "\n".join(map(_part, SCRIPTS)))
        .replace("{{data}}", text)
    )


def _part(name: str) -> str:
    return resources.files("iam_jax.look").joinpath(name).read_text(encoding="utf-8")


def _words(value: Any) -> str:
    return (" ".join(map(str, value)) if isinstance(value, tuple) else str(value)) or "nothing"


def _agent(agent: Agent, record: Record) -> dict[str, Any]:
    sight, units = record.sight, record.follows.shape[0]
    pictures = _pictures([image for episode in record.episodes for image in episode.pictures])
    sights = _pictures([image for episode in record.episodes for image in episode.sights])
    return {
        "name": record.name,
        "about": _about(agent),
        "seen": {"names": sight.names, "leftOut": sight.left_out},
        "reads": _plain(sight.reading()),
        "units": units,
        "unitsLeftOut": record.episodes[0].steps["memory"].shape[-1] - units,
        "hidden": record.hidden_names,
        "follows": [_strongest(row, record) for row in record.follows],
        "readings": [
            {"variable": r.variable, "r2": _plain(r.r2), "r2Seen": _plain(r.r2_seen)} for r in record.readings
        ],
        "pictures": pictures[0],
        "sights": sights[0],
        "episodes": [
            _episode(episode, record, frames, seen)
            for episode, frames, seen in zip(
                record.episodes,
                _shared(pictures[1], [episode.pictures for episode in record.episodes]),
                _shared(sights[1], [episode.sights for episode in record.episodes]),
                strict=True,
            )
        ],
    }


def _about(agent: Agent) -> list[str]:
    """In words, what the agent is."""
    config = agent.config
    network = agent.actor.model.config
    words = [config.env, *config.env_args, f"--model {config.model.kind}"]
    for option in ("cell", "d_set"):
        if (value := getattr(network, option, None)) is not None:
            words.append(f"--{flag(option)} {value}")
    words.append(
        f"{agent.progress.update} updates, {agent.progress.update * config.steps_per_update:,} steps"
    )
    words += [f"seed {agent.seed}"] + ([label(agent.setting)] if agent.setting else [])
    return words


def _episode(episode: Episode, record: Record, frames: list[int], sights: list[int]) -> dict[str, Any]:
    steps = episode.steps
    found: dict[str, Any] = {
        "cut": episode.cut,
        "frames": frames,
        "sights": sights,
        "memory": steps["memory"][:, :MOST_UNITS],
        "read": [reading.read(steps["memory"])[:, 0] for reading in record.readings],
        **{name: steps[name] for name in ("seen", "hidden", "action", "value", "reward")},
    }
    if "probabilities" in steps:
        found["choices"] = steps["probabilities"]
    else:
        found["numbers"] = {name: steps[name] for name in ("low", "mean", "high")}
    if "attention" in steps:
        found["attention"] = _attention(steps["attention"], record)
    return _plain(found)


def _attention(weights: np.ndarray, record: Record) -> np.ndarray:
    """Of the numbers that are shown, [T, heads, O]; of a feature map, of its regions."""
    if record.sight.on_map:
        return weights
    places = record.sight.places
    return np.where(places < 0, 0, weights[..., places])


def _strongest(correlations: np.ndarray, record: Record) -> list[dict[str, Any]]:
    """The variables that a unit follows most: their kind, place and correlation."""
    hidden, seen = len(record.hidden_names), len(record.sight.names)
    found = []
    for i in np.argsort(-np.abs(correlations), kind="stable")[:STRONGEST].tolist():
        kind, place = ("hidden", i) if i < hidden else ("seen", i - hidden)
        if i == hidden + seen:
            kind, place = "time", 0
        if correlations[i]:
            found.append({"kind": kind, "place": place, "r": round(float(correlations[i]), 3)})
    return found


def _pictures(images: list[Image.Image]) -> tuple[list[str], list[int]]:
    """Every picture that differs once, as base64 of a PNG, and for each image the place of its own."""
    found: dict[str, int] = {}
    places: list[int] = []
    for side in SIDES:
        found, places = {}, []
        for image in images:
            places.append(found.setdefault(_png(image, side), len(found)))
        if sum(map(len, found)) <= ROOM:
            break
    return list(found), places


def _png(image: Image.Image, side: int) -> str:
    small = image.copy()
    small.thumbnail((side, side))
    file = io.BytesIO()
    small.convert("RGB").quantize(COLOURS).save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _shared(places: list[int], episodes: list[list[Image.Image]]) -> list[list[int]]:
    """The places of all pictures in a row, as lists of those of each episode."""
    ends = np.cumsum([len(images) for images in episodes]).tolist()
    return [places[end - len(images) : end] for end, images in zip(ends, episodes, strict=True)]


def _plain(value: Any) -> Any:
    """What JSON can hold: numbers of a few digits, None for what is none."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(part) for part in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            return None
        rounded = float(f"{value:.{DIGITS}g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < 1e9 else rounded
    return int(value) if isinstance(value, np.integer) else value
