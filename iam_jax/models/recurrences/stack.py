"""Several sequence models on top of each other."""

import flax.linen as nn
import jax

from iam_jax.models.recurrences.base import Carry, Recurrence


class Stack(Recurrence):
    """The outputs of each are the inputs of the next; its carry is theirs in a row."""

    layers: tuple[Recurrence, ...]

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        return tuple(part for layer in self.layers for part in layer.initial_carry(batch))

    def __call__(self, carry: Carry, inputs: jax.Array, first: jax.Array) -> tuple[Carry, jax.Array]:
        after: Carry = ()
        for layer in self.layers:
            own, carry = _taken(carry, layer)
            own, inputs = layer(own, inputs, first)
            after += own
        return after, inputs


def _taken(carry: Carry, layer: Recurrence) -> tuple[Carry, Carry]:
    """The parts of a carry that belong to a layer, and the others."""
    number = len(jax.eval_shape(lambda: layer.initial_carry(1)))
    return carry[:number], carry[number:]
