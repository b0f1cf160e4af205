"""Sequence models by name, or by the place of a class of one's own."""

import inspect

import flax.linen as nn

from envs_jax import paths
from iam_jax.model_config import RecurrentConfig
from iam_jax.models.kernels import KERNELS, product_dtype
from iam_jax.models.recurrences.base import Recurrence
from iam_jax.models.recurrences.ffm import FFM
from iam_jax.models.recurrences.gated import GRU, LSTM
from iam_jax.models.recurrences.gtrxl import GTrXL
from iam_jax.models.recurrences.linear import LRU, S5
from iam_jax.models.recurrences.mingru import MinGRU
from iam_jax.models.recurrences.stack import Stack


def make_recurrence(config: RecurrentConfig) -> Recurrence:
    """The sequence model of a network.

    Raises:
      ValueError: A class of one's own cannot be found or made, or is no sequence model.
    """
    layers = tuple(_layer(config) for _ in range(config.layers))
    return layers[0] if len(layers) == 1 else Stack(layers)


def _layer(config: RecurrentConfig) -> Recurrence:
    # Gates saturate, so no sqrt(2): that gain belongs to the layers with an activation.
    kernel, dtype, size = KERNELS[config.init][1], product_dtype(config), config.hidden
    if config.cell == "gru":
        return GRU(size, kernel, kernel, dtype)
    if config.cell == "lstm":
        return LSTM(size, kernel, kernel, config.forget_bias, dtype)
    if config.cell == "gtrxl":
        return GTrXL(size, kernel, window=config.window, dtype=dtype)
    known = {"mingru": MinGRU, "lru": LRU, "s5": S5, "ffm": FFM}
    if config.cell in known:
        return known[config.cell](size, kernel, dtype)
    return _own(config.cell, size)


def _own(place: str, size: int) -> Recurrence:
    cls = paths.load(place)
    if not (inspect.isclass(cls) and issubclass(cls, nn.Module)) and not callable(cls):
        raise ValueError(f"--cell {place} is no class.")
    try:
        cell = cls(size=size)
    except Exception as error:  # whatever the class raises
        raise ValueError(
            f"--cell {place} cannot be made with size={size} ({paths.explain(error)})."
        ) from error
    if not isinstance(cell, Recurrence):
        raise ValueError(
            f"--cell {place} must derive from Recurrence, Stepwise or Associative of "
            "iam_jax.models.recurrences.base."
        )
    return cell
