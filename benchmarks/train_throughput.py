"""Steps per second of training: ``python -m benchmarks.train_throughput``.

One call is one update: the rollout, its advantages, and every epoch of gradient steps on it. An
environment step is counted once however many epochs read it:
steps/s = num_envs * num_steps / seconds of an update. Compilation is timed apart. Memory is what the compiled
program needs beside its arguments and results (``memory_analysis``).
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from benchmarks.timing import machine, median_rate, show
from iam_jax.build import make_learner
from iam_jax.presets import preset


def measure(
    env: str, preset_name: str, model: str, num_envs: int | None, repeats: int, remat: bool = False
) -> dict[str, Any]:
    config = preset(env, preset_name, model)
    config = replace(config, network=replace(config.network, remat=remat))
    if num_envs is not None:
        config = replace(config, ppo=replace(config.ppo, num_envs=num_envs))
    learner = make_learner(config)
    state = jax.jit(learner.init)(jax.random.key(0))
    began = time.perf_counter()
    update = jax.jit(learner.update, donate_argnums=0).lower(state).compile()
    compile_seconds = time.perf_counter() - began

    def call() -> Any:
        nonlocal state
        state, metrics = update(state)
        return metrics

    return {
        "env": env,
        "preset": preset_name,
        "model": model,
        "num_envs": config.ppo.num_envs,
        "num_epochs": config.ppo.num_epochs,
        "compile_seconds": round(compile_seconds, 2),
        "temporary_megabytes": round(update.memory_analysis().temp_size_in_bytes / 1e6, 1),
        "steps_per_second": median_rate(call, config.steps_per_update, repeats),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_throughput", description=__doc__)
    parser.add_argument("--env", default="warehouse")
    parser.add_argument("--presets", nargs="+", default=["fast", "paper"])
    parser.add_argument("--models", nargs="+", default=["iam", "rnn", "fnn", "fnn-stack"])
    parser.add_argument("--num-envs", type=int, help="instead of the preset's")
    parser.add_argument(
        "--remat", action="store_true", help="compute again for the gradient; see iam_jax.train"
    )
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.presets:
        for model in options.models:
            row = measure(options.env, name, model, options.num_envs, options.repeats, options.remat)
            rows.append(row)
            print(
                f"{name:6} {model:10} {row['num_envs']:6} environments {show(row['steps_per_second'])}"
                f"  compiled in {row['compile_seconds']:.1f} s, {row['temporary_megabytes']:,.0f} MB",
                flush=True,
            )
    if options.output:
        options.output.write_text(json.dumps(machine() | {"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
