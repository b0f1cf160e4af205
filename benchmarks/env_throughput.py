"""Steps per second of environments alone, under random actions: ``python -m benchmarks.env_throughput``.

One call scans ``num_steps`` steps of ``num_envs`` environments, auto-reset included; rewards are
summed so that nothing is optimised away. A step is counted once:
steps/s = num_envs * num_steps / seconds.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import jax

from benchmarks.timing import machine, median_rate, show
from envs_jax import make


def measure(name: str, num_envs: int, num_steps: int, repeats: int) -> dict[str, Any]:
    env, params = make(name)
    num_actions = env.action_space(params).n

    def step(carry: Any, key: jax.Array) -> Any:
        state, total = carry
        key_action, key_env = jax.random.split(key)
        action = jax.random.randint(key_action, (num_envs,), 0, num_actions)
        keys = jax.random.split(key_env, num_envs)
        obs, state, reward, *_ = jax.vmap(env.step, (0, 0, 0, None))(keys, state, action, params)
        return (state, total + reward + obs.mean(tuple(range(1, obs.ndim)))), None

    @partial(jax.jit, donate_argnums=0)
    def run(state: Any, key: jax.Array) -> Any:
        start = (state, jax.numpy.zeros(num_envs))
        return jax.lax.scan(step, start, jax.random.split(key, num_steps))[0]

    state = jax.jit(jax.vmap(env.reset, (0, None)))(jax.random.split(jax.random.key(0), num_envs), params)[1]

    def call() -> Any:
        nonlocal state
        state, total = run(state, jax.random.key(1))
        return total

    rate = median_rate(call, num_envs * num_steps, repeats)
    return {"env": name, "num_envs": num_envs, "num_steps": num_steps, "steps_per_second": rate}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.env_throughput", description=__doc__)
    parser.add_argument("--envs", nargs="+", default=["warehouse", "mini-warehouse", "traffic"])
    parser.add_argument("--num-envs", type=int, nargs="+", default=[1024, 4096])
    parser.add_argument("--num-steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.envs:
        for num_envs in options.num_envs:
            row = measure(name, num_envs, options.num_steps, options.repeats)
            rows.append(row)
            print(f"{name:16} {num_envs:6} environments {show(row['steps_per_second'])}", flush=True)
    if options.output:
        options.output.write_text(json.dumps(machine() | {"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
