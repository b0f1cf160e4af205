"""What each choice in the hot path is worth: ``python -m benchmarks.hot_path``.

Undoes one choice at a time, or tries one that was not made, and times an update with and without it, in
turns. A factor above 1 says how much slower training is that way. Any option of ``iam_jax.train`` may
follow; undoing what that network does not have changes nothing.
"""

import argparse
import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.linen.dtypes import promote_dtype

import iam_jax.models.actor_critic
import iam_jax.ppo.learner
import iam_jax.ppo.loss
import iam_jax.ppo.rollout
from benchmarks.timing import check_counts, in_turns, show, spread, write
from envs_jax.warehouse import dynamics
from envs_jax.warehouse import env as warehouse
from iam_jax.build import make_learner
from iam_jax.config import Config, ConfigError
from iam_jax.models import dense
from iam_jax.models.d_set import Manual
from iam_jax.models.dense import Dense
from iam_jax.models.encoders import MLP
from iam_jax.models.policies import Categorical
from iam_jax.models.recurrences.base import Stepwise
from iam_jax.models.recurrences.gated import Gated
from iam_jax.ppo.groups import pick
from iam_jax.ppo.learner import Learner, make_optimiser
from iam_jax.ppo.rollout import Actor
from iam_jax.train import parse

UPDATES_PER_CALL = 4


def _values_of_all(self: Actor, wanted: jax.Array, params: Any, carry: Any, obs: jax.Array) -> jax.Array:
    everything = lambda: jnp.where(wanted, self.apply(params, carry, obs, wanted & False)[2], 0)  # noqa: E731
    return jax.lax.cond(wanted.any(), everything, lambda: jnp.zeros(wanted.shape))


def _one_hot_log_prob(self: Categorical, logits: jax.Array, action: jax.Array) -> jax.Array:
    return (jax.nn.log_softmax(logits) * jax.nn.one_hot(action, logits.shape[-1])).sum(-1)


def _one_hot_d_set(self: Manual, obs: jax.Array, h: jax.Array | None = None) -> jax.Array:
    return obs @ jax.nn.one_hot(jnp.array(self.indices), obs.shape[-1]).T


def _copy_each_epoch(self: Learner, learnt: Any, rollout: Any, indices: jax.Array, update: jax.Array) -> Any:
    """`Learner.learn` that permutes a whole rollout, once per epoch, and takes slices of that."""
    batch, rates = self._batch(rollout), self._schedules(update)
    number, size = indices.shape[1:]

    def part(shuffled: Any, i: jax.Array, size: int) -> Any:
        cut = lambda axis: lambda x: jax.lax.dynamic_slice_in_dim(x, i * size, size, axis)  # noqa: E731
        rows = jax.tree.map(cut(1), shuffled.replace(carry=()))
        return rows.replace(carry=jax.tree.map(cut(0), shuffled.carry))

    def epoch(learnt: Any, order: jax.Array) -> Any:
        shuffled = pick(batch, order.reshape(-1), self.config.shuffle_groups)
        with patch.object(iam_jax.ppo.learner, "pick", lambda batch, i, _: part(shuffled, i, size)):
            step = partial(self._gradient_step, batch=batch, rates=rates)
            return jax.lax.scan(step, learnt, jnp.arange(number))

    return jax.lax.scan(epoch, learnt, indices)


def _both(*patches: Any) -> contextlib.ExitStack:
    stack = contextlib.ExitStack()
    for one in patches:
        stack.enter_context(one)
    return stack


def _indexed(combine: Any, x: jax.Array, layout: dynamics.Layout) -> jax.Array:
    return combine(x, x[layout.twin])


class _FeaturesFirst(MLP):
    """Layers on [I, N], so that no gradient of a kernel is a product of a transposed left factor."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if not self.sizes:
            return x
        rows = jax.lax.optimization_barrier(x.reshape(-1, x.shape[-1]).T)
        for i, size in enumerate(self.sizes):
            kernel = self.param(f"kernel_{i}", self.kernel_init, (len(rows), size))
            rows, kernel = promote_dtype(rows, kernel, dtype=self.dtype)
            rows = jax.lax.optimization_barrier(kernel.T) @ rows
            if self.use_bias:
                rows += self.param(f"bias_{i}", nn.initializers.zeros, (size, 1)).astype(rows.dtype)
            rows = self.activation(rows)
        return jax.lax.optimization_barrier(rows).T.reshape(*x.shape[:-1], -1)


VARIANTS: dict[str, Callable[[], Any]] = {
    "flax's dense layer on [T, B, I]": lambda: patch.object(Dense, "__call__", nn.Dense.__call__),
    "values of all environments at a time limit": lambda: patch.object(Actor, "values_where", _values_of_all),
    "d-set and input projection inside the scan": lambda: patch.object(Manual, "reads_memory", True),
    "gradient of the recurrent kernel summed in the scan": lambda: patch.object(
        Gated, "__call__", Stepwise.__call__
    ),
    "layers with features first": lambda: patch.object(iam_jax.models.actor_critic, "MLP", _FeaturesFirst),
    "log-probabilities by one-hot product": lambda: patch.object(Categorical, "log_prob", _one_hot_log_prob),
    "d-set by one-hot product": lambda: patch.object(Manual, "__call__", _one_hot_d_set),
    "rollout permuted once per epoch": lambda: patch.object(Learner, "learn", _copy_each_epoch),
    "Adam on one flat vector": lambda: patch.object(
        iam_jax.ppo.learner, "make_optimiser", lambda config: optax.flatten(make_optimiser(config))
    ),
    "spawns drawn by Threefry": lambda: patch.object(
        warehouse, "uniforms", lambda key, number: jax.random.uniform(key, (number,))
    ),
    "Warehouse rules with gathers": lambda: _both(
        patch.object(dynamics, "_with_twin", _indexed),
        patch.object(dynamics, "_in_observation_order", lambda x, layout: x[layout.observed]),
    ),
}
"""What is done otherwise -> a patch that does it."""
ROUNDED: dict[str, Callable[[], Any]] = {
    "products in bfloat16": contextlib.nullcontext,
    "... gradients of kernels too": lambda: patch.object(
        dense, "_on_cpu", partial(dense._dot, jnp.bfloat16, (0, 0))
    ),
    "... without the copy of wide rows": lambda: patch.object(
        dense, "_on_cpu", lambda rows, gradient: rows.T @ gradient
    ),
}
"""The same of ``--dtype bfloat16``."""


def compiled(config: Config, change: Callable[[], Any], *, donate: bool = True, updates: int = 1) -> Any:
    """A call that does ``UPDATES_PER_CALL`` updates, ``updates`` in each program."""
    jax.clear_caches()  # programs traced before a patch must not serve after it
    with change():
        learner = make_learner(config)
        state = jax.jit(learner.init)(jax.random.key(0))
        run = (lambda state: learner.run(state, updates)) if updates > 1 else learner.update
        program = jax.jit(run, donate_argnums=0 if donate else ()).lower(state).compile()
    jax.clear_caches()

    def call() -> None:
        nonlocal state
        for _ in range(UPDATES_PER_CALL // updates):
            state, metrics = program(state)
            jax.device_get(metrics)

    return call


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hot_path", description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument(
        "--only", nargs="+", metavar="VARIANT", help="some of them, by the names that it prints"
    )
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options, rest = parser.parse_known_args()
    check_counts(parser, options.turns)
    try:
        config, rounded = parse(rest), parse([*rest, "--dtype", "bfloat16"])
    except ConfigError as error:
        parser.error(str(error))
    nothing = contextlib.nullcontext
    tried = {
        "as it is": partial(compiled, config, nothing),
        **{name: partial(compiled, config, change) for name, change in VARIANTS.items()},
        "buffers not donated": partial(compiled, config, nothing, donate=False),
        f"{UPDATES_PER_CALL} updates in one program": partial(
            compiled, config, nothing, updates=UPDATES_PER_CALL
        ),
        **{name: partial(compiled, rounded, change) for name, change in ROUNDED.items()},
    }
    chosen = list(tried) if options.only is None else ["as it is", *options.only]
    if unknown := [name for name in chosen if name not in tried]:
        parser.error(f"there is no variant {unknown[0]!r} (but {', '.join(map(repr, tried))})")
    calls = {name: tried[name]() for name in chosen}
    seconds = in_turns(calls, options.turns)
    base, rows = np.array(seconds["as it is"]), []
    steps = UPDATES_PER_CALL * config.steps_per_update
    for name, values in seconds.items():
        rates, factor = spread(list(steps / np.array(values))), spread(list(np.array(values) / base))
        rows.append({"variant": name, "steps_per_second": rates, "slower_by": factor})
        print(
            f"{name:51} {show(rates)}  {factor['median']:.2f} ({factor['low']:.2f} to {factor['high']:.2f})"
        )
    write(options.output, rows=rows)


if __name__ == "__main__":
    main()
