"""Weights between flax and PyTorch, without loss: the same numbers under other names.

    flax  y = x K + b, K [in, out]        torch  y = x W^T + b, W [out, in]        so  W = K^T

``fc/Dense_1/kernel`` is ``fc.1.weight``, transposed; a convolution's kernel [y, x, in, out] becomes
[out, in, y, x]; every other parameter keeps its name and shape.

    python -m iam_torch_ref.convert runs/NAME out.safetensors     # a run's checkpoint to weights
    python -m iam_torch_ref.convert out.safetensors runs/NEW      # weights to a run that iam_jax plays
"""

import argparse
import dataclasses
import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from iam_torch_ref.cli import exit_on_error
from iam_torch_ref.config import ConfigError, ModelConfig, from_dict
from iam_torch_ref.model import ActorCritic

StateDict = dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Agent:
    """A model and where it comes from.

    Attributes:
      model: With its weights.
      run: The config of its run, as in ``config.json``: environment, wrappers, learner.
    """

    model: ActorCritic
    run: dict[str, Any]


def from_flax(params: dict[str, Any]) -> StateDict:
    """A ``state_dict`` from flax variables, nested dicts of arrays with or without ``params`` on top."""
    state_dict = {}
    everything = _flatten(params.get("params", params)) + _flatten(params.get("statistics", {}))
    for path, array in everything:
        name = re.sub(r"\b(Dense|Conv)_(\d+)\b", r"\2", ".".join(path))
        tensor = torch.from_numpy(np.array(array))
        if path[-1] == "kernel":
            order = (3, 2, 0, 1) if tensor.dim() == 4 else (1, 0)
            name, tensor = name.removesuffix("kernel") + "weight", tensor.permute(order).contiguous()
        state_dict[name] = tensor
    return state_dict


def to_flax(state_dict: StateDict) -> dict[str, Any]:
    """Flax variables of NumPy arrays from a ``state_dict``: ``params``, and ``statistics`` if any."""
    collections: dict[str, Any] = {"params": {}}
    for name, tensor in state_dict.items():
        array = tensor.detach().cpu().numpy()
        kind = "Conv" if "convolutions" in name else "Dense"
        *path, leaf = re.sub(r"\b(\d+)\b", rf"{kind}_\1", name).split(".")
        if leaf == "weight":
            order = (2, 3, 1, 0) if array.ndim == 4 else (1, 0)
            leaf, array = "kernel", array.transpose(order).copy()
        is_statistic = bool(path) and path[-1].endswith("normalise")
        place = collections.setdefault("statistics" if is_statistic else "params", {})
        for part in path:
            place = place.setdefault(part, {})
        place[leaf] = array
    return collections


def load(model: ActorCritic, state_dict: StateDict) -> None:
    """Puts weights into a model.

    Raises:
      ConfigError: A parameter is missing, unknown, or of another shape; the message names it.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in state_dict.items()}
    for name in sorted(wanted.keys() | given.keys()):
        if wanted.get(name) != given.get(name):
            raise ConfigError(
                f"The weights are of another model: {name} has shape {given.get(name, 'none')} in them "
                f"and {wanted.get(name, 'none')} in the model."
            )
    model.load_state_dict(state_dict)


def save_agent(agent: Agent, file: str | Path) -> None:
    """Writes a safetensors file: the weights, and as metadata the model's sizes and the run's config.

    Raises:
      ConfigError: The file cannot be written.
    """
    check_writable(file)
    # One entry, because safetensors writes several in an order that changes.
    described = json.dumps({"model": dataclasses.asdict(agent.model.config), "run": agent.run})
    weights = {name: tensor.contiguous() for name, tensor in agent.model.state_dict().items()}
    save_file(weights, file, metadata={"agent": described})


def check_writable(file: str | Path) -> None:
    """Raises `ConfigError` where no file of this name could be written."""
    if Path(file).is_dir() or not os.access(Path(file).parent, os.W_OK):
        raise ConfigError(f"The file {file} cannot be written: is it in a folder that exists and is yours?")


def load_agent(file: str | Path) -> Agent:
    """The agent of a safetensors file that `save_agent` wrote.

    Raises:
      ConfigError: The file is missing, damaged, or not of an agent.
    """
    if not Path(file).is_file():
        raise ConfigError(f"There is no file {file}.")
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        described = json.loads(metadata["agent"])
        run = dict(described["run"])
        agent = Agent(ActorCritic(from_dict(ModelConfig, described["model"])), run)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"{file} is not an agent that `python -m iam_torch_ref.convert` wrote ({error})."
        ) from error
    load(agent.model, weights)
    return agent


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m iam_torch_ref.convert", description="Weights between a run and a safetensors file."
    )
    parser.add_argument("source", help="a run's folder, or a .safetensors file")
    parser.add_argument("target", help="a .safetensors file, or the folder of a new run")
    parser.add_argument("--which", choices=("best", "last"), default="best", help="checkpoint of the run")
    parser.add_argument("--seed", type=int, help="of a run with several; by default its first")
    options = parser.parse_args(arguments)
    exit_on_error(partial(_convert, options))


def _convert(options: argparse.Namespace) -> None:
    to_weights = options.target.endswith(".safetensors")
    if to_weights == options.source.endswith(".safetensors"):
        raise ConfigError("One of the two must be a .safetensors file and the other a run's folder.")
    from iam_torch_ref import bridge

    if to_weights:
        params, config, run = bridge.read_run(options.source, options.which, options.seed)
        model = ActorCritic(config)
        load(model, from_flax(params))
        save_agent(Agent(model, run), options.target)
    else:
        agent = load_agent(options.source)
        bridge.write_run(options.target, to_flax(agent.model.state_dict()), agent.run)
    print(f"Wrote {options.target}.")


def _flatten(tree: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    leaves = []
    for name, value in tree.items():
        if isinstance(value, dict):
            leaves += _flatten(value, (*path, name))
        else:
            leaves.append(((*path, name), value))
    return leaves


if __name__ == "__main__":
    main()
