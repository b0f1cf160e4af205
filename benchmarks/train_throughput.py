"""Steps per second of training: ``python -m benchmarks.train_throughput``.

Any option of ``iam_jax.train`` may follow, such as ``--fc 512 256 --num-epochs 3``. One call is one update:
the rollout, its advantages, and every epoch of gradient steps on it. An environment step is counted once
however many epochs read it: steps/s = num_envs * num_steps / seconds of an update. Compilation is timed
apart.

- *FLOP per step* are those of the network: of acting once, and of the gradients of all epochs, as XLA
  counts them in the programs compiled for the CPU (``cost_analysis``; elsewhere it leaves out products that
  a library does).
- *of matmul* is steps/s * FLOP per step over the rate of a float32 matrix product, 2048 x 2048 or on a GPU
  8192 x 8192 (where JAX rounds to TF32), timed in turns.
- *MB* is the memory that the compiled update needs beside its arguments and results (``memory_analysis``).
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.timing import check_counts, matmul_rate, median_rate, show, spread, write
from iam_jax.build import make_learner
from iam_jax.config import Config, ConfigError, IAMConfig
from iam_jax.models.actor_critic import count_parameters, forward
from iam_jax.ppo.learner import Learner
from iam_jax.ppo.loss import Batch, ppo_loss
from iam_jax.train import parse

MODELS = ("iam:manual", "iam:static", "iam:dynamic", "iam:identity", "rnn", "fnn", "fnn-stack")


def flop_per_step(learner: Learner) -> float:
    """Floating-point operations of the network for one environment step.

    Sequences are taken apart into single steps, because XLA counts the body of a loop once.
    """
    config, state = learner.config, jax.eval_shape(learner.init, jax.random.key(0))
    rows = config.num_envs * config.num_steps // config.minibatches
    actor = jax.eval_shape(lambda key: learner.actor.reset(key, rows), jax.random.key(0))
    one, number = actor.first.shape, jax.ShapeDtypeStruct(actor.first.shape, jnp.float32)
    batch = Batch(
        carry=actor.carry,
        obs=actor.obs,
        first=actor.first,
        action=jax.ShapeDtypeStruct(one, jnp.int32),
        log_prob=number,
        value=number,
        advantage=number,
    )

    def act(params: Any, batch: Batch) -> Any:
        return forward(learner.model, params, batch.carry, batch.obs[None], batch.first[None])

    def gradient(params: Any, batch: Batch) -> Any:
        in_time = jax.tree.map(lambda x: x[None], batch.replace(carry=())).replace(carry=batch.carry)
        loss = lambda params: ppo_loss(  # noqa: E731
            params,
            learner.model,
            in_time,
            clip=0.2,
            entropy_coefficient=0.01,
            value_coefficient=config.value_coefficient,
            clip_value=config.clip_value,
            normalise_advantage=config.normalise_advantage,
        )[0]
        return jax.grad(loss)(params)

    with jax.default_device(jax.devices("cpu")[0]):
        acting, learning = (
            jax.jit(f).lower(state.params, batch).compile().cost_analysis()["flops"] / rows
            for f in (act, gradient)
        )
    return acting * (1 + 1 / config.num_steps) + config.num_epochs * learning


def measure(config: Config, repeats: int) -> dict[str, Any]:
    """Everything about the training that a config describes."""
    learner = make_learner(config)
    state = jax.jit(learner.init)(jax.random.key(0))
    began = time.perf_counter()
    update = jax.jit(learner.update, donate_argnums=0).lower(state).compile()
    compile_seconds = time.perf_counter() - began

    def call() -> Any:
        nonlocal state
        state, metrics = update(state)
        return metrics

    call()
    rates, roofs, flop = [], [], flop_per_step(learner)
    for _ in range(repeats):
        rates.append(median_rate(call, config.steps_per_update, 1)["median"])
        roofs.append(matmul_rate(repeats=3)["median"])
    d_set = {"d_set": config.model.d_set} if isinstance(config.model, IAMConfig) else {}
    return {
        "env": config.env,
        "preset": config.preset,
        "model": config.model_name,
        **d_set,
        "num_envs": config.ppo.num_envs,
        "num_steps": config.ppo.num_steps,
        "num_epochs": config.ppo.num_epochs,
        "num_minibatches": config.ppo.minibatches,
        "parameters": count_parameters(state.params),
        "compile_seconds": round(compile_seconds, 2),
        "temporary_megabytes": round(update.memory_analysis().temp_size_in_bytes / 1e6, 1),
        "flop_per_step": round(flop),
        "matmul_flop_per_second": spread(roofs),
        "fraction_of_matmul": spread([flop * rate / roof for rate, roof in zip(rates, roofs, strict=True)]),
        "steps_per_second": spread(rates),
    }


def with_envs(config: Config, num_envs: int) -> Config:
    """The config with other environments and as many sequences in a minibatch, or all that there are."""
    ppo = config.ppo
    minibatches = max(1, ppo.minibatches * num_envs // ppo.num_envs)
    return replace(config, ppo=replace(ppo, num_envs=num_envs, num_minibatches=minibatches))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.train_throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", nargs="+", default=MODELS, help="iam with a d-set after a colon")
    parser.add_argument(
        "--num-envs",
        type=int,
        nargs="+",
        help="numbers of environments; minibatches stay as large as with the preset's (default)",
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options, rest = parser.parse_known_args()
    check_counts(parser, *options.num_envs or [1], options.repeats)
    rows = []
    for name in options.models:
        model, _, d_set = name.partition(":")
        try:
            config = parse(["--model", model, *(["--d-set", d_set] if d_set else []), *rest])
            for num_envs in options.num_envs or [config.ppo.num_envs]:
                row = measure(with_envs(config, num_envs), options.repeats)
                rows.append(row)
                print(
                    f"{name:13} {num_envs:6} environments {show(row['steps_per_second'])}"
                    f"  {row['flop_per_step'] / 1e6:.2f} MFLOP/step,"
                    f" {row['fraction_of_matmul']['median']:.0%} of matmul"
                    f" ({row['matmul_flop_per_second']['median'] / 1e9:,.0f} GFLOP/s),"
                    f" compiled in {row['compile_seconds']:.1f} s, {row['temporary_megabytes']:,.0f} MB",
                    flush=True,
                )
                write(options.output, rows=rows)
        except ConfigError as error:
            parser.error(str(error))


if __name__ == "__main__":
    main()
