"""What every preset asks of a machine: ``python -m benchmarks.presets``.

Compiles one update of each and reads off what it needs, without running it:

- *seconds* to trace and compile, with an empty cache.
- *MB*: the state of the run, the rollout, and everything that the update needs beside (XLA's
  ``memory_analysis``: arguments, results and temporaries, less what they share).

Any option of ``iam_jax.train`` may follow.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import jax

from benchmarks.timing import write
from iam_jax.build import make_learner
from iam_jax.config import ConfigError
from iam_jax.presets import MODELS, TABLE
from iam_jax.train import parse

EXAMPLES = {
    "minatar": "minatar-breakout",
    "CartPole": "CartPole-v1",
    "Acrobot": "Acrobot-v1",
    "Pendulum": "Pendulum-v1",
    "MountainCarContinuous": "MountainCarContinuous-v0",
    "MemoryChain": "MemoryChain-bsuite",
    "UmbrellaChain": "UmbrellaChain-bsuite",
    "redbluedoors": "redbluedoors-8x8",
    "popgym": "popgym-labyrinth-explore-hard",
}
"""Family of environments -> the one of it that is compiled: of several, the one with most numbers."""
OUTSIDE = ("gymnasium", "ale", "brax")
"""Families that are played outside of JAX, or need an extra."""
LIMIT = 4 * 2**30
"""Bytes that no preset may need more of."""


def cases() -> list[tuple[str, str]]:
    """Environment and preset of every row."""
    return [
        (EXAMPLES.get(family, family), preset)
        for family, presets in TABLE.items()
        if family not in OUTSIDE
        for preset in presets
    ]


def measure(arguments: list[str]) -> dict[str, Any]:
    """Seconds of compilation and bytes of one update, and its size in environment steps."""
    config = parse(arguments)
    jax.clear_caches()
    began = time.perf_counter()
    learner = make_learner(config)
    state = jax.eval_shape(learner.init, jax.random.key(0))
    program = jax.jit(learner.update, donate_argnums=0).lower(state).compile()
    seconds = time.perf_counter() - began
    needs: Any = program.memory_analysis()
    parts = needs.argument_size_in_bytes, needs.output_size_in_bytes, needs.temp_size_in_bytes
    return {
        "env": config.env,
        "preset": config.preset,
        "model": config.model_name,
        "num_envs": config.ppo.num_envs,
        "num_steps": config.ppo.num_steps,
        "compile_seconds": round(seconds, 1),
        "bytes": sum(parts) - needs.alias_size_in_bytes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.presets",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--envs", nargs="+", help="some environments; by default one of every family")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["iam"])
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options, rest = parser.parse_known_args()
    rows = []
    for env, preset in cases():
        if options.envs and env not in options.envs:
            continue
        for model in options.models:
            try:
                row = measure(["--env", env, "--preset", preset, "--model", model, *rest])
            except ConfigError as error:
                parser.error(str(error))
            rows.append(row)
            print(
                f"| `{env}` | `{preset}` | {model} | {row['num_envs']:,} x {row['num_steps']} "
                f"| {row['compile_seconds']} | {row['bytes'] / 1e6:,.0f} |",
                flush=True,
            )
    write(options.output, rows=rows)


if __name__ == "__main__":
    main()
