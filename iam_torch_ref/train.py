"""A plain PyTorch training loop: ``python -m iam_torch_ref.train --env warehouse --num-envs 8``.

    for each update:  rollout -> advantages -> epochs of minibatches       (Schulman et al. 2017, Algorithm 1)

The readable baseline that `benchmarks` measure `iam_jax` against. The environments are compiled and
vmapped; model, rollout and update are PyTorch, run step by step.
"""

import argparse
import contextlib
import time
from collections import deque
from functools import partial
from typing import Any

import jax
import torch

from iam_torch_ref import bridge
from iam_torch_ref.cli import check_device, exit_on_error
from iam_torch_ref.config import PPOConfig, from_dict
from iam_torch_ref.convert import Agent, check_writable, save_agent
from iam_torch_ref.initialise import initialise
from iam_torch_ref.model import ActorCritic
from iam_torch_ref.rollout import ActorState, collect
from iam_torch_ref.update import Returns, make_optimiser, schedules, update

SECONDS_PER_LINE = 10.0


class Trainer:
    """One run.

    Args:
      run: Its config, of `bridge.run_config`.
      device: Of model and update.

    Attributes:
      model: What learns.
      updates: Done so far, of ``num_updates``.
      steps: Environment steps taken, each counted once.
      returns: Of the last 100 episodes.
    """

    def __init__(self, run: dict[str, Any], device: str = "cpu"):
        torch.manual_seed(run["seed"])
        self.run, self.config = run, from_dict(PPOConfig, run["ppo"])
        self.model = ActorCritic(bridge.model_config(run)).to(device)
        initialise(self.model)
        self.optimiser = make_optimiser(self.model, self.config)
        key = jax.random.key(run["seed"])
        self.env = bridge.VectorEnv(run, self.config.num_envs, key, run["ppo"]["burn_in"])
        self.state = ActorState.start(self.model, self.env)
        like = self.model.heads.value.weight
        self.normaliser = Returns.start(self.config.num_envs, like) if self.config.normalise_rewards else None
        self.updates, self.num_updates = 0, bridge.to_config(run).num_updates
        self.steps, self.returns = 0, deque[float](maxlen=100)

    def update(self) -> None:
        """One rollout and the gradient steps on it."""
        config = self.config
        rates = schedules(config, self.updates / self.num_updates)
        self.state, rollout, returns = collect(self.model, self.env, self.state, config)
        num_sequences = config.num_envs * config.num_steps // config.bptt_length
        orders = [torch.randperm(num_sequences) for _ in range(config.num_epochs)]
        indices = torch.stack(orders).view(config.num_epochs, config.num_minibatches, -1)
        if self.normaliser is not None:
            rollout = self.normaliser.normalise(rollout, config.gamma)
        update(self.model, self.optimiser, rollout, indices, rates, config)
        self.model.watch(rollout.obs)
        self.updates += 1
        self.steps += config.num_envs * config.num_steps
        self.returns.extend(returns)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m iam_torch_ref.train", description="Trains in PyTorch.")
    parser.add_argument("--env", default="warehouse")
    parser.add_argument("--preset", default="paper", help="sizes and learner, as iam_jax's")
    parser.add_argument("--model", default="iam", choices=("iam", "rnn", "fnn", "fnn-stack"))
    parser.add_argument("--d-set", choices=("manual", "static", "dynamic", "identity"))
    parser.add_argument("--cell", choices=("gru", "lstm"))
    parser.add_argument("--num-envs", type=int)
    parser.add_argument("--total-steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", default="agent.safetensors", help="file for the trained agent")
    options = parser.parse_args(arguments)
    exit_on_error(partial(_train, options))


def _train(options: argparse.Namespace) -> int:
    check_writable(options.out)
    check_device(options.device)
    run = bridge.run_config(
        options.env,
        options.preset,
        options.model,
        **_given(
            d_set=options.d_set,
            cell=options.cell,
            num_envs=options.num_envs,
            total_steps=options.total_steps,
            seed=options.seed,
        ),
    )
    trainer = Trainer(run, options.device)
    interrupted = True
    with contextlib.suppress(KeyboardInterrupt):
        _loop(trainer)
        interrupted = False
    save_agent(Agent(trainer.model, run), options.out)
    print(f"Wrote {options.out} after {trainer.steps} steps.")
    return 130 if interrupted else 0


def _loop(trainer: Trainer) -> None:
    begin = shown = time.perf_counter()
    while trainer.updates < trainer.num_updates:
        trainer.update()
        now = time.perf_counter()
        if now - shown > SECONDS_PER_LINE or trainer.updates == trainer.num_updates:
            shown, returns = now, trainer.returns
            mean = f"{sum(returns) / len(returns):.2f}" if returns else "-"
            print(f"{trainer.steps:>10} steps  {trainer.steps / (now - begin):8.0f} steps/s  return {mean}")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


if __name__ == "__main__":
    main()
