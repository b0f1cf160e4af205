"""Sequence models by name, or by the place of a class of one's own."""

from iam_jax.model_config import RecurrentConfig
from iam_jax.models import own
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
        return LSTM(size, kernel, kernel, dtype, config.forget_bias)
    if config.cell == "gtrxl":
        return GTrXL(size, kernel, window=config.window, dtype=dtype)
    known = {"mingru": MinGRU, "lru": LRU, "s5": S5, "ffm": FFM}
    if config.cell in known:
        return known[config.cell](size, kernel, dtype)
    described = ", Stepwise or Associative"
    recurrence: Recurrence = own.make("cell", config.cell, Recurrence, described, size=size)
    return recurrence
