"""Steps per second of environments alone, under random actions: ``python -m benchmarks.env_throughput``.

Beside ours it times gymnax's own CartPole and MinAtar, by their names, and MinAtar as ``iam_jax`` reads it.
A call steps all environments many times, auto-reset included; states, observations and summed rewards go
from step to step, so that nothing is optimised away. A step is counted once: steps/s = num_envs * num_steps
/ seconds.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.timing import check_counts, median_rate, show, write
from envs_jax import make
from iam_jax.models.policies import policy_for

ENVIRONMENTS = (
    ["warehouse", "mini-warehouse", "traffic", "redbluedoors-8x8", "memory-s7", "doorkey-8x8"]
    + [f"minatar-{game}" for game in ("asterix", "breakout", "freeway", "seaquest", "space-invaders")]
    + ["CartPole-v1", "Breakout-MinAtar", "pong", "breakout"]
)
SECONDS_PER_CALL = 0.2


def measure(name: str, num_envs: int, repeats: int) -> dict[str, Any]:
    call, num_steps = stepper(name, num_envs)
    rate = median_rate(call, num_steps, repeats)
    return {
        "env": name,
        "num_envs": num_envs,
        "num_steps": num_steps // num_envs,
        "steps_per_second": rate,
    }


def stepper(name: str, num_envs: int) -> tuple[Callable[[], Any], int]:
    """A compiled call of about `SECONDS_PER_CALL`, and how many environment steps it takes.

    Raises:
      ValueError: There is no such environment, or its extra is missing.
    """
    env, params = make(name)
    policy = policy_for(env.action_space(params))

    @partial(jax.jit, donate_argnums=0)
    def run(start: Any, num_steps: jax.Array) -> Any:
        def step(i: jax.Array, carry: Any) -> Any:
            state, _, total = carry
            key_action, key_env = jax.random.split(jax.random.fold_in(jax.random.key(1), i))
            action = policy.to_env(policy.random(key_action, num_envs, None))
            keys = jax.random.split(key_env, num_envs)
            obs, state, reward, *_ = jax.vmap(env.step, (0, 0, 0, None))(keys, state, action, params)
            return state, obs, total + reward

        return jax.lax.fori_loop(0, num_steps, step, start)

    keys = jax.random.split(jax.random.key(0), num_envs)
    obs, state = jax.jit(jax.vmap(env.reset, (0, None)))(keys, params)
    carry = (state, obs, jnp.zeros(num_envs))

    def call(num_steps: int) -> Any:
        nonlocal carry
        carry = run(carry, num_steps)
        return jax.block_until_ready(carry)[2]

    call(1)  # compiles
    num_steps, seconds = 1, 0.0
    while seconds < SECONDS_PER_CALL / 2:
        num_steps *= 2
        began = time.perf_counter()
        call(num_steps)
        seconds = time.perf_counter() - began
    return partial(call, num_steps), num_envs * num_steps


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.env_throughput", description=__doc__)
    parser.add_argument("--envs", nargs="+", default=ENVIRONMENTS)
    parser.add_argument("--num-envs", type=int, nargs="+", default=[1, 16, 256, 4096, 16384])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options = parser.parse_args()
    check_counts(parser, *options.num_envs, options.repeats)
    rows = []
    for name in options.envs:
        for num_envs in options.num_envs:
            try:
                row = measure(name, num_envs, options.repeats)
            except ValueError as error:
                parser.error(str(error))
            rows.append(row)
            print(f"{name:24} {num_envs:6} environments {show(row['steps_per_second'])}", flush=True)
            write(options.output, rows=rows)


if __name__ == "__main__":
    main()
