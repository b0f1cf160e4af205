"""The recurrent path: a d-set selector and a cell, scanned over time with resets."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from iam_jax.models.cells import Carry, Cell
from iam_jax.models.d_set import Selector
from iam_jax.models.d_set_maps import MapSelector


class Memory(nn.Module):
    """``d_t = cell(d_{t-1}, D(o_t))``, with ``d_{t-1}`` cleared where an episode begins."""

    cell: Cell
    selector: Selector | MapSelector
    remat: bool = False

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        return self.cell.initial_carry(batch)

    def __call__(self, carry: Carry, obs: jax.Array, first: jax.Array) -> tuple[Carry, jax.Array]:
        """Runs over a sequence.

        Args:
          carry: Memory before it reads ``obs[0]``, float[B, H] each.
          obs: Observations, float[T, B, O], or their feature maps, float[T, B, Y, X, C].
          first: Whether the memory is cleared before it reads ``obs[t]``, bool[T, B].

        Returns:
          The memory after the last step, and its output at every step, float[T, B, H].
        """
        inputs = obs if self.selector.reads_memory else self.cell.project(self.selector(obs))

        def step(
            memory: "Memory", carry: Carry, step_inputs: tuple[jax.Array, jax.Array]
        ) -> tuple[Carry, jax.Array]:
            x, start = step_inputs
            carry = tuple(jnp.where(start[:, None], 0, part) for part in carry)
            if memory.selector.reads_memory:
                x = memory.cell.project(memory.selector(x, carry[0]))
            carry = memory.cell.step(carry, x)
            return carry, carry[0]

        scan = nn.scan(
            nn.remat(step) if self.remat else step,
            variable_broadcast="params",
            variable_axes={"intermediates": 0},
            split_rngs={"params": False},
        )
        return scan(self, carry, (inputs, first))
