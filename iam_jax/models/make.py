"""From a config and spaces to the actor-critic that they describe."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from envs_jax import spaces
from iam_jax.model_config import FNNConfig, IAMConfig, ModelConfig, OwnConfig, RecurrentConfig, RNNConfig
from iam_jax.models import own
from iam_jax.models.actor_critic import FNN, IAM, RNN, Network
from iam_jax.models.d_set_maps import Box
from iam_jax.models.encoders import CONVOLUTIONS, map_size
from iam_jax.models.observations import Name, Part, parts_of, places
from iam_jax.models.policies import policy_for
from iam_jax.models.recurrences.base import Stepwise
from iam_jax.models.recurrences.make import make_recurrence
from iam_jax.models.selectors import make_selector

MODELS: dict[type, Any] = {FNNConfig: FNN, RNNConfig: RNN, IAMConfig: IAM}


def make_model(config: ModelConfig, observations: spaces.Space, actions: spaces.Space) -> Network:
    """The model that a config describes.

    Args:
      config: Its sizes and choices.
      observations: What it reads: a space of `envs_jax.spaces`. A `Box` with three axes is an image
        (Y, X, C); every other one makes O variables.
      actions: What it chooses; see `iam_jax.models.policies.policy_for`.

    Raises:
      ValueError: No policy acts in that space; the encoder does not fit the observation; a manual d-set is
        missing, empty, repeats an index, or reaches past the variables or the feature map; a class of one's
        own cannot be had, or breaks its contract.
    """
    parts = parts_of(config, observations)
    encoder: Any = parts[0].encoder if len(parts) == 1 else "vector"
    config = dataclasses.replace(config, encoder=encoder)
    on_map = config.encoder in CONVOLUTIONS
    if isinstance(config, IAMConfig) and config.d_set == "auto":
        named = config.d_set_boxes if on_map else config.d_set_indices
        config = dataclasses.replace(config, d_set="manual" if named else "identity")
    if isinstance(config, IAMConfig) and config.d_set == "manual":
        if on_map:
            _check_boxes(config.d_set_boxes, map_size(config.encoder, parts[0].space.shape))
        else:
            config = dataclasses.replace(config, d_set_indices=_checked(config.d_set_indices, parts))
    if isinstance(config, RecurrentConfig):
        _check_cell(config)
    policy = policy_for(actions, squash=config.squash_actions)
    if isinstance(config, OwnConfig):
        model = own.make("network", config.network, Network, config=config, policy=policy, parts=parts)
    else:
        model = MODELS[type(config)](config, policy, parts)
    if config.own:
        _check_own(config.own, model, observations)
    return model


def _check_own(classes: dict[str, str], model: Network, observations: spaces.Space) -> None:
    """Refuses classes of one's own that do not run, or make other shapes than `Network` says."""
    steps, batch = 2, 3
    obs = spaces.zeros(observations, (steps, batch))
    first = jnp.zeros((steps, batch), bool)

    def run() -> Any:
        before = model.initial_carry(batch)
        params = model.init(jax.random.key(0), before, obs, first)
        return before, model.apply(params, before, obs, first)

    with own.blamed(classes):
        before, (after, outputs, values) = jax.eval_shape(run)
        shapes = jax.tree.map(lambda x: (x.shape, x.dtype), (before, after))
        heads = outputs.shape, values.shape
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{own.listed(classes)}: the memory before a step, {_shapes(before)}, and after it, "
            f"{_shapes(after)}, must have the same shapes and types."
        )
    numbers = model.policy.num_outputs + model.policy.num_free
    if heads != ((steps, batch, numbers), (steps, batch)):
        raise ValueError(
            f"{own.listed(classes)} must return outputs [T, B, {numbers}] and values [T, B]; with T {steps} "
            f"and B {batch} they are {list(heads[0])} and {list(heads[1])}."
        )


def _shapes(carry: Any) -> str:
    return ", ".join(f"{x.dtype}{list(x.shape)}" for x in jax.tree.leaves(carry)) or "nothing"


def _checked(indices: tuple[Name, ...] | None, parts: tuple[Part, ...]) -> tuple[int, ...]:
    if not indices:
        raise ValueError(
            "A manual d-set needs indices: give them with --d-set-indices where the environment names none, "
            "or choose --d-set static, dynamic or identity."
        )
    return places(indices, parts)


def _check_cell(config: RecurrentConfig) -> None:
    cell = make_recurrence(config)
    if not isinstance(config, IAMConfig) or isinstance(cell, Stepwise):
        return
    if make_selector(config).reads_memory:
        what = f"--cell {config.cell}" if config.layers == 1 else f"--layers {config.layers}"
        raise ValueError(
            f"--d-set {config.d_set} asks what the memory was one step before, and {what} computes all steps "
            "together: choose --d-set manual, static or identity, or one layer of --cell gru or lstm."
        )


def _check_boxes(boxes: tuple[Box, ...] | None, size: tuple[int, int]) -> None:
    rows, columns = size
    if not boxes:
        raise ValueError(
            f"A manual d-set on the {rows}x{columns} feature map needs boxes: give --d-set-boxes, "
            "or choose --d-set static, dynamic or identity."
        )
    for row, column, height, width in boxes:
        if min(row, column) < 0 or min(height, width) < 1 or row + height > rows or column + width > columns:
            raise ValueError(
                f"The box {row} {column} {height} {width} (row, column, height, width) does not lie in the "
                f"{rows}x{columns} feature map."
            )
