"""``config.json``: how a config is written into the folder of its run, and read again by later versions."""

import dataclasses
import difflib
import json
from pathlib import Path
from typing import Any

from iam_jax.config import NETWORKS, SECTIONS, Config, ConfigError

VERSION = 2
"""Written into every file. Version 1, which did not say so, had the network's kind beside its options."""
FILE = "config.json"
SWEEP = "sweep.json"
"""What a sweep ended with, its settings from the best to the worst."""


def to_dict(config: Config) -> dict[str, Any]:
    """All of it but the hardware, which is of one start and not of the run."""
    values = {"version": VERSION} | dataclasses.asdict(config)
    del values["hardware"]
    values["model"] = {"kind": config.model.kind} | values["model"]
    return values


def to_json(config: Config) -> str:
    """What `from_json` reads."""
    return json.dumps(to_dict(config), indent=2)


def from_json(text: str) -> Config:
    """The config that this version or an older one wrote; what an older one lacks has its default.

    Raises:
      ConfigError: The text is not one; the message names what is wrong with it.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ConfigError(
            f"The {FILE} is damaged or of another version: it is not JSON ({error})."
        ) from error
    return from_dict(values)


def from_dict(values: Any) -> Config:
    """See `from_json`; what it reads, as JSON's objects."""
    if not isinstance(values, dict) or not values:
        raise ConfigError(f"The {FILE} is damaged or of another version: it holds no options.")
    version, values = values.get("version", 1), {k: v for k, v in values.items() if k != "version"}
    if version not in (1, VERSION):
        raise ConfigError(
            f"The {FILE} is damaged or of another version ({version!r}; this one reads 1 and {VERSION})."
        )
    if version == 1:
        values = _from_version_1(values)
    parts: dict[str, Any] = {}
    for section, kinds in SECTIONS.items():
        part = values.get(section, {})
        if not isinstance(part, dict):
            raise ConfigError(f"The {FILE} is damaged or of another version: {section} is not an object.")
        if section == "model":
            cls, part = _network(part)
        else:
            (cls,) = kinds
        parts[section] = _make(cls, part, f"{section}.")
    return _make(Config, values | parts, "")


def load(run_dir: str | Path) -> Config:
    """The config of a run.

    Raises:
      ConfigError: The folder holds no run, or its config.json cannot be read.
    """
    file = Path(run_dir) / FILE
    if not file.is_file():
        raise ConfigError(f"{run_dir} is not the folder of a run: it has no {FILE}.")
    try:
        return from_json(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is damaged: it is not UTF-8 text.") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def load_winner(run_dir: str | Path) -> dict[str, Any] | None:
    """The setting of a sweep that ended best; None where there is no sweep, or it has not ended."""
    file = Path(run_dir) / SWEEP
    try:
        return json.loads(file.read_text(encoding="utf-8"))["settings"][0]["setting"]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def save(config: Config, run_dir: Path) -> None:
    """Writes the config into the folder of its run."""
    write_whole(run_dir / FILE, to_json(config))


def write_whole(file: Path, text: str) -> None:
    """Writes a file of which a kill leaves no half."""
    unfinished = file.with_name(f"{file.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)


def _make(cls: Any, values: dict[str, Any], prefix: str) -> Any:
    names = [field.name for field in dataclasses.fields(cls)]
    for name in values:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; was it written by a later version?"
            raise ConfigError(
                f"The {FILE} is damaged or of another version: this one knows no {prefix}{name}{hint}"
            )
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"The {FILE} is damaged or of another version: {error}") from error


def _network(values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Type and options of a network, by its ``kind``."""
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in NETWORKS:
        raise ConfigError(
            f"The {FILE} is damaged or of another version: model.kind must be one of {', '.join(NETWORKS)}, "
            f"not {kind!r}."
        )
    return NETWORKS[kind], {k: v for k, v in values.items() if k != "kind"}


def _from_version_1(values: dict[str, Any]) -> dict[str, Any]:
    """Version 1 as version 2: ``network.architecture`` becomes the model's kind, and options that this kind
    does not have are dropped; the label ``model``, ``output.run_dir`` and ``output.resume`` are not kept.
    """
    before, output = values.get("network", {}), values.get("output", {})
    if not isinstance(before, dict) or not isinstance(output, dict):
        raise ConfigError(f"The {FILE} is damaged or of another version: network or output is not an object.")
    cls, _ = _network({"kind": before.get("architecture", "iam")})
    every = {field.name for kind in NETWORKS.values() for field in dataclasses.fields(kind)}
    known = {field.name for field in dataclasses.fields(cls)}
    model = {k: v for k, v in before.items() if k != "architecture" and (k in known or k not in every)}
    kept = {k: v for k, v in output.items() if k not in ("run_dir", "resume")}
    others = {k: v for k, v in values.items() if k not in ("model", "network")}
    return others | {"model": {"kind": cls.kind} | model, "output": kept}
