"""The recurrent path: a d-set selector and a sequence model that reads what it selects."""

import flax.linen as nn
import jax

from iam_jax.models.d_set import Selector
from iam_jax.models.recurrences.base import Carry, Recurrence, Stepwise, cleared


class Memory(nn.Module):
    """``d_t = cell(d_{t-1}, D(o_t))``, with ``d_{t-1}`` cleared where an episode begins.

    ``cell`` is any sequence model. A selector that reads the memory runs inside the loop over time, so it
    needs a `Stepwise` one.
    """

    cell: Recurrence
    selector: Selector
    remat: bool = False

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        return self.cell.initial_carry(batch)

    def __call__(self, carry: Carry, obs: jax.Array, first: jax.Array) -> tuple[Carry, jax.Array]:
        """Runs over a sequence.

        Args:
          carry: Memory before it reads ``obs[0]``, [B, ...] each.
          obs: Observations, float[T, B, O], or their feature maps, float[T, B, Y, X, C].
          first: Whether the memory is cleared before it reads ``obs[t]``, bool[T, B].

        Returns:
          The memory after the last step, and its output at every step, float[T, B, H].
        """
        if not self.selector.reads_memory:
            return self.cell(carry, self.selector(obs), first)

        def step(
            memory: "Memory", carry: Carry, step_inputs: tuple[jax.Array, jax.Array]
        ) -> tuple[Carry, jax.Array]:
            x, start = step_inputs
            cell = memory.cell
            assert isinstance(cell, Stepwise)  # `make_model` has refused all others
            carry = cleared(carry, start)
            carry = cell.step(carry, cell.project(memory.selector(x, carry[0])))
            return carry, carry[0]

        scan = nn.scan(
            nn.remat(step) if self.remat else step,
            variable_broadcast="params",
            variable_axes={"intermediates": 0},
            split_rngs={"params": False},
        )
        return scan(self, carry, (obs, first))
