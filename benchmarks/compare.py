"""Training loops against each other: ``python -m benchmarks.compare``. Needs PyTorch.

All of them play the Warehouse, compiled and vmapped, and take turns, so that whatever else the machine does
falls on all. One turn is one update: a rollout of 128 steps and 3 epochs of 4 minibatches on it, with the
paper's learner. A step is counted once: steps/s = num_envs * num_steps / seconds of a turn.

- *iam_jax*: ``--preset paper``, FC 576,256 beside LSTM 64, with as many environments as the others, and
  with more; and ``--preset fast``, which is another learner and network for the same task.
- *iam_torch_ref*: the same network and update in PyTorch (``python -m iam_torch_ref.train``).
- *sb3-contrib*: RecurrentPPO with sequences of whatever length its batches have, an LSTM of 64 shared by
  policy and value, then 576,256: as close as its ``MlpLstmPolicy`` comes.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.timing import check_counts, in_turns, show, spread, write
from iam_jax.build import make_learner
from iam_jax.config import Config
from iam_jax.presets import preset

Update = Callable[[], None]
Loop = tuple[str, int]
"""Name and number of environments."""


def iam_jax(config: Config) -> Update:
    learner = make_learner(config)
    state = jax.jit(learner.init)(jax.random.key(0))
    program = jax.jit(learner.update, donate_argnums=0)

    def update() -> None:
        nonlocal state
        state, metrics = program(state)
        jax.block_until_ready(metrics)

    return update


def iam_torch_ref(config: Config) -> Update:
    from iam_torch_ref import bridge
    from iam_torch_ref.train import Trainer

    run = bridge.run_config(config.env, "paper", "iam", ppo={"num_envs": config.ppo.num_envs})
    return Trainer(run).update


def sb3_contrib(config: Config) -> Update:
    from sb3_contrib import RecurrentPPO

    from benchmarks.sb3 import VectorEnv

    ppo = config.ppo
    model = RecurrentPPO(
        "MlpLstmPolicy",
        VectorEnv(config.env, ppo.num_envs),
        n_steps=ppo.num_steps,
        batch_size=ppo.num_envs * ppo.num_steps // ppo.num_minibatches,
        n_epochs=ppo.num_epochs,
        policy_kwargs={
            "lstm_hidden_size": config.network.hidden,
            "shared_lstm": True,
            "enable_critic_lstm": False,
            "net_arch": list(config.network.fc),
        },
        device="cpu",
    )

    def update() -> None:
        model.learn(config.steps_per_update, reset_num_timesteps=False)

    return update


LOOPS = {"iam_jax": iam_jax, "iam_torch_ref": iam_torch_ref, "sb3-contrib": sb3_contrib}
FAST = "iam_jax, --preset fast"


def contestants(num_envs: list[int], most: int) -> dict[Loop, tuple[Update, int]]:
    """Every loop -> one update of it, and the environment steps that it takes."""
    paper = preset("warehouse", "paper", "iam")
    found: dict[Loop, tuple[Update, int]] = {}
    for number in num_envs:
        config = replace(paper, ppo=replace(paper.ppo, num_envs=number))
        for name, loop in LOOPS.items():
            try:
                found[name, number] = loop(config), config.steps_per_update
            except ModuleNotFoundError as error:
                if loop is not sb3_contrib:
                    raise
                print(f"Without sb3-contrib: {error} (pip install sb3-contrib).")
    # As many steps in a minibatch as the paper's, 256, of short rollouts.
    wide = replace(
        paper.ppo, num_envs=most, num_steps=8, gae_horizon=None, num_minibatches=max(1, most * 8 // 256)
    )
    for name, config in (
        ("iam_jax, wide", replace(paper, ppo=wide)),
        (FAST, preset("warehouse", "fast", "iam")),
    ):
        found[name, config.ppo.num_envs] = iam_jax(config), config.steps_per_update
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--num-envs", type=int, nargs="+", default=[8, 32, 256], help="of every loop")
    parser.add_argument("--most", type=int, default=4096, help="environments that only iam_jax is given")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options = parser.parse_args()
    check_counts(parser, *options.num_envs, options.most, options.turns)
    try:
        loops = contestants(options.num_envs, options.most)
    except ImportError as error:
        parser.error(str(error))
    seconds = in_turns({loop: update for loop, (update, _) in loops.items()}, options.turns)
    rates = {loop: loops[loop][1] / np.array(values) for loop, values in seconds.items()}
    rows = []
    for (name, number), values in rates.items():
        row: dict[str, Any] = {"loop": name, "num_envs": number, "steps_per_second": spread(list(values))}
        for ours, others in rates.items():
            same = ours == ("iam_jax", number) or ours[0] == FAST
            if same and not name.startswith("iam_jax"):
                row[f"{ours[0]} is faster by"] = spread(list(others / values))
        rows.append(row)
        ratios = [f"{key} {row[key]['median']:.1f}" for key in row if key.endswith("faster by")]
        print(
            f"{name:24} {number:6} environments {show(row['steps_per_second'])}  {', '.join(ratios)}",
            flush=True,
        )
    write(options.output, rows=rows)


if __name__ == "__main__":
    main()
