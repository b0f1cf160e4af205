"""``iam_jax`` against others: ``python -m benchmarks.compare``. Needs PyTorch.

All take turns, so that whatever else the machine does falls on all. Training loops play the Warehouse,
compiled and vmapped, and one turn is one update: a rollout of 128 steps and 3 epochs of 4 minibatches on
it, with the paper's learner. A step is counted once: steps/s = num_envs * num_steps / seconds of a turn.

- *iam_jax*: ``--preset paper``, FC 576,256 beside LSTM 64, with as many environments as the others, and
  with more; and ``--preset fast``, which is another learner and network for the same task.
- *iam_torch_ref*: the same network and update in PyTorch (``python -m iam_torch_ref.train``).
- *sb3-contrib*: RecurrentPPO with sequences of whatever length its batches have, an LSTM of 64 shared by
  policy and value, then 576,256: as close as its ``MlpLstmPolicy`` comes.

Environments alone play random actions: traffic beside SUMO and Pong beside ALE, where these are installed.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.env_throughput import stepper
from benchmarks.timing import check_counts, in_turns, show, spread, write
from iam_jax.build import make_learner
from iam_jax.config import Config
from iam_jax.presets import preset

Update = Callable[[], Any]
Name = tuple[str, int]
"""What it is, and with how many environments."""


@dataclass(frozen=True)
class Contestant:
    """Who takes part.

    Attributes:
      call: One turn.
      steps: Environment steps that it takes.
      ours: What of this project it is compared with.
    """

    call: Update
    steps: int
    ours: tuple[Name, ...] = ()


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

    run = bridge.run_config(config.env, "paper", "iam", num_envs=config.ppo.num_envs)
    return Trainer(run).update


def sb3_contrib(config: Config) -> Update:
    from sb3_contrib import RecurrentPPO

    from benchmarks.sb3 import VectorEnv

    ppo = config.ppo
    model = RecurrentPPO(
        "MlpLstmPolicy",
        VectorEnv(config.env, ppo.num_envs),
        n_steps=ppo.num_steps,
        batch_size=ppo.num_envs * ppo.num_steps // ppo.minibatches,
        n_epochs=ppo.num_epochs,
        policy_kwargs={
            "lstm_hidden_size": config.model.hidden,
            "shared_lstm": True,
            "enable_critic_lstm": False,
            "net_arch": list(config.model.fc),
        },
        device="cpu",
    )

    def update() -> None:
        model.learn(config.steps_per_update, reset_num_timesteps=False)

    return update


LOOPS = {"iam_jax": iam_jax, "iam_torch_ref": iam_torch_ref, "sb3-contrib": sb3_contrib}
FAST = "iam_jax, --preset fast"
SUMO = ("SUMO", 1)
PAIRS = {("traffic", 2048): SUMO, ("pong", 256): ("ale:Pong", 32)}
"""Environment of ours -> its original, each with how many of it play."""


def training(num_envs: list[int], most: int) -> dict[Name, Contestant]:
    """Every loop with every number of environments, and ours with more."""
    paper, fast = preset("warehouse", "paper", "iam"), preset("warehouse", "fast", "iam")
    found: dict[Name, Contestant] = {}
    for number in num_envs:
        config = replace(paper, ppo=replace(paper.ppo, num_envs=number))
        for name, loop in LOOPS.items():
            ours = () if loop is iam_jax else (("iam_jax", number), (FAST, fast.ppo.num_envs))
            try:
                found[name, number] = Contestant(loop(config), config.steps_per_update, ours)
            except ModuleNotFoundError as error:
                if loop is not sb3_contrib:
                    raise
                print(f"Without sb3-contrib: {error} (pip install sb3-contrib).")
    # As many steps in a minibatch as the paper's, 256, of short rollouts.
    wide = replace(
        paper.ppo, num_envs=most, num_steps=8, gae_horizon=None, num_minibatches=max(1, most * 8 // 256)
    )
    for name, config in (("iam_jax, wide", replace(paper, ppo=wide)), (FAST, fast)):
        found[name, config.ppo.num_envs] = Contestant(iam_jax(config), config.steps_per_update)
    return found


def sumo(episodes: int = 20) -> tuple[Update, int]:
    """Whole episodes in one process of SUMO, starts included, and their steps."""
    from envs_jax.traffic.sumo import Sumo

    simulation, rng = Sumo(), np.random.default_rng(0)
    limit = simulation.params.max_steps_in_episode

    def play() -> None:
        for _ in range(episodes):
            simulation.reset(int(rng.integers(1, 10**6)), rng.integers(0, 2, simulation.params.num_cars))
            for _ in range(limit):
                simulation.step(int(rng.integers(0, 2)))

    return play, episodes * limit


def environments() -> dict[Name, Contestant]:
    """Ported environments, and the originals of those whose extras are there."""
    found: dict[Name, Contestant] = {}
    for port, original in PAIRS.items():
        found[port] = Contestant(*stepper(*port))
        try:
            played = sumo() if original == SUMO else stepper(*original)
            found[original] = Contestant(*played, (port,))
        except ValueError as error:
            print(f"Without {original[0]}: {error}")
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
        found = training(options.num_envs, options.most) | environments()
    except ImportError as error:
        parser.error(str(error))
    seconds = in_turns({name: one.call for name, one in found.items()}, options.turns)
    rates = {name: found[name].steps / np.array(values) for name, values in seconds.items()}
    rows = []
    for (name, number), values in rates.items():
        row: dict[str, Any] = {"loop": name, "num_envs": number, "steps_per_second": spread(list(values))}
        for ours in found[name, number].ours:
            row[f"{ours[0]} is faster by"] = spread(list(rates[ours] / values))
        rows.append(row)
        ratios = [f"{key} {row[key]['median']:.1f}" for key in row if key.endswith("faster by")]
        print(
            f"{name:24} {number:6} environments {show(row['steps_per_second'])}  {', '.join(ratios)}",
            flush=True,
        )
    write(options.output, rows=rows)


if __name__ == "__main__":
    main()
