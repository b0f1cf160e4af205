"""The contract of a sequence model, and the two ways to run one along time.

A recurrence is called as ``(carry, inputs[T, B, I], first[T, B]) -> (carry, outputs[T, B, H])``. The carry is
its memory before it reads ``inputs[0]``, a tuple of arrays [B, ...] of floats, all zero where nothing is
remembered; ``first[t]`` clears it before step t. A sequence in chunks of any length has the results of the
whole.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Carry = tuple[jax.Array, ...]


class Recurrence(nn.Module):
    """What every sequence model has: `initial_carry`, and the call that this module's text describes."""

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        """The memory of nothing: zeros, [B, ...] each."""
        raise NotImplementedError(f"{type(self).__name__} must define initial_carry(batch)")

    def __call__(self, carry: Carry, inputs: jax.Array, first: jax.Array) -> tuple[Carry, jax.Array]:
        """The memory after the last step, and the outputs of every step, float[T, B, H]."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(carry, inputs, first)")


class Stepwise(Recurrence):
    """A cell: one step after the other. The first part of its carry is its output.

    What its step needs of the inputs alone is computed for all steps at once: one wide product of ``T * B``
    rows in place of T narrow ones.
    """

    def project(self, inputs: jax.Array) -> jax.Array:
        """What a step needs of its input, [..., P]; of all steps at once."""
        return inputs

    def step(self, carry: Carry, projected: jax.Array) -> Carry:
        """Memory after one step, from the memory before it and the projected input [B, P]."""
        raise NotImplementedError(f"{type(self).__name__} must define step(carry, projected)")

    def __call__(self, carry: Carry, inputs: jax.Array, first: jax.Array) -> tuple[Carry, jax.Array]:
        def step(cell: "Stepwise", carry: Carry, now: tuple[jax.Array, jax.Array]) -> tuple[Carry, jax.Array]:
            projected, start = now
            carry = cell.step(cleared(carry, start), projected)
            return carry, carry[0]

        scan = nn.scan(step, variable_broadcast="params", split_rngs={"params": False})
        return scan(self, carry, (self.project(inputs), first))


class Associative(Recurrence):
    """A linear recurrence ``h_t = a_t h_{t-1} + b_t`` in every entry, for all steps at once.

    Two steps are one of the same kind, (a, b) then (a', b') being (a' a, a' b + b'), so a sequence takes
    ``log T`` rounds (Blelloch 1990). Where an episode begins a is 0, so that the reset is part of the
    operator (Lu et al. 2023, arXiv 2303.03982).

    Subclasses define `elements` and `read`; ``h`` may be complex, and the carry then is its two parts.
    """

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Of h, without the batch."""
        raise NotImplementedError(f"{type(self).__name__} must define state_shape")

    is_complex = False

    def project(self, inputs: jax.Array) -> Any:
        """What `elements` and `read` both need of the inputs."""
        return inputs

    def elements(self, inputs: Any) -> tuple[jax.Array, jax.Array]:
        """Factors a, [T, B, ...] or what broadcasts to it, and terms b, [T, B, ...]."""
        raise NotImplementedError(f"{type(self).__name__} must define elements(inputs)")

    def read(self, states: jax.Array, inputs: Any) -> jax.Array:
        """The outputs, from all h, [T, B, ...], and what `project` returned."""
        return states

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        zeros = jnp.zeros((batch, *self.state_shape))
        return (zeros, zeros) if self.is_complex else (zeros,)

    def __call__(self, carry: Carry, inputs: jax.Array, first: jax.Array) -> tuple[Carry, jax.Array]:
        projected = self.project(inputs)
        factors, terms = self.elements(projected)
        before = jax.lax.complex(*carry) if self.is_complex else carry[0]
        states = linear_scan(before, factors, terms, first)
        last = states[-1]
        after = (last.real, last.imag) if self.is_complex else (last,)
        return after, self.read(states, projected)


def linear_scan(before: jax.Array, factors: jax.Array, terms: jax.Array, first: jax.Array) -> jax.Array:
    """All ``h_t = a_t h_{t-1} + b_t``, [T, B, ...], where h is 0 before the steps that are ``first``.

    Args:
      before: h before the first step, [B, ...].
      factors: a, or what broadcasts to it.
      terms: b, [T, B, ...].
      first: bool[T, B].
    """
    starts = first.reshape(*first.shape, *[1] * (terms.ndim - 2))
    factors = jnp.where(starts, 0, jnp.broadcast_to(factors, terms.shape))
    terms = terms.at[0].add((factors[0] * before).astype(terms.dtype))

    def both(one: Any, other: Any) -> Any:
        return other[0] * one[0], other[0] * one[1] + other[1]

    return jax.lax.associative_scan(both, (factors, terms))[1]


def cleared(carry: Carry, start: jax.Array) -> Carry:
    """The memory, of zeros where an episode begins, bool[B]."""
    return tuple(jnp.where(start.reshape(-1, *[1] * (part.ndim - 1)), 0, part) for part in carry)
