"""The bridge to environments that are stepped outside of JAX, a whole batch at a time."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap

from envs_jax.environment import Environment, Step


class External(Environment):
    """Environments outside of JAX, for one `jax.vmap` over a batch.

    Subclasses say how a batch is reset and stepped, by `reset_all` and `step_all`; there is one set of
    simulators for each batch size. A step cannot be taken twice, and a stored state cannot be continued in
    another process.
    """

    external = True

    def __init__(self) -> None:
        # A vmapped call steps all simulators at once; alone, a batch of one.
        self._reset_one = custom_vmap(lambda seed: _first(self.reset_all(1, seed[None])))
        self._step_one = custom_vmap(
            lambda state, action: _first(self.step_all(1, _batched(state), _batched(action)))
        )
        self._reset_one.def_vmap(self._reset_rule)
        self._step_one.def_vmap(self._step_rule)

    def reset_all(self, size: int, seeds: jax.Array) -> tuple[Any, Any]:
        """First observations and states of a batch, [B, ...], from int32[B]."""
        raise NotImplementedError

    def step_all(self, size: int, state: Any, action: jax.Array) -> Step:
        """What a batch answers, [B, ...], ``info`` too."""
        raise NotImplementedError

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, Any]:
        return self._reset_one(jax.random.randint(key, (), 0, np.iinfo(np.int32).max))

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Any = None) -> Step:
        """As `Environment.step`; the randomness is the simulators' own."""
        return self._step_one(state, action)

    def _reset_rule(self, size: int, batched: Any, seeds: jax.Array) -> Any:
        return _all_batched(self.reset_all(size, seeds))

    def _step_rule(self, size: int, batched: Any, state: Any, action: jax.Array) -> Any:
        if not batched[1]:
            action = jnp.broadcast_to(action, (size, *action.shape))
        return _all_batched(self.step_all(size, state, action))


class Batches:
    """One set of simulators for each batch size, made when that size is first met."""

    def __init__(self, make: Callable[[int], Any]):
        self._make = make
        self._made: dict[int, Any] = {}

    def __call__(self, size: int) -> Any:
        if size not in self._made:
            with jax.ensure_compile_time_eval():  # a batch may be met first while a program is traced
                self._made[size] = self._make(size)
        return self._made[size]

    def forget(self) -> list[Any]:
        """Those that were made; they are made anew when they are needed again."""
        made, self._made = list(self._made.values()), {}
        return made


def _all_batched(outputs: Any) -> tuple[Any, Any]:
    return outputs, jax.tree.map(lambda _: True, outputs)


def _first(tree: Any) -> Any:
    return jax.tree.map(lambda x: x[0], tree)


def _batched(tree: Any) -> Any:
    return jax.tree.map(lambda x: x[None], tree)
