"""Plays a converted agent: ``python -m iam_torch_ref.evaluate out.safetensors --env warehouse``.

The return is ``G = sum_t r_t`` over the first episode of each of N fresh environments.
"""

import argparse
from functools import partial

import jax
import numpy as np
import torch

from iam_torch_ref import bridge
from iam_torch_ref.bridge import VectorEnv
from iam_torch_ref.cli import exit_on_error
from iam_torch_ref.config import ConfigError
from iam_torch_ref.convert import load_agent
from iam_torch_ref.loss import each
from iam_torch_ref.model import ActorCritic
from iam_torch_ref.rollout import ActorState, apply


@torch.no_grad()
def episode_returns(model: ActorCritic, env: VectorEnv, *, greedy: bool) -> np.ndarray:
    """Undiscounted returns of the first episode of each environment, float32[B]."""
    state = ActorState.start(model, env)
    returns, done = torch.zeros(len(state.first)), torch.zeros(len(state.first), dtype=torch.bool)
    device = state.first.device
    while not done.all():
        carry, outputs, _ = apply(model, state)
        action = model.policy.mode(outputs) if greedy else model.policy.sample(outputs)
        step = env.step(model.policy.to_env(action))
        ended = step.ended & ~done
        returns = torch.where(ended, step.episode_return, returns)
        done |= ended
        first = step.terminated | step.truncated
        on_device = partial(each, lambda x: x.to(device))
        obs, first, legal = map(on_device, (step.obs, first, step.legal))
        state = ActorState(obs, first, carry, legal)
    return returns.numpy()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m iam_torch_ref.evaluate", description="Mean return of a converted agent."
    )
    parser.add_argument("agent", help="the .safetensors file")
    parser.add_argument("--env", help="by default the one it was trained on")
    parser.add_argument("--env-args", nargs="*", metavar="NAME=VALUE", help="arguments of the environment")
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1_000_000, help="of environments and actions")
    options = parser.parse_args(arguments)
    if options.episodes < 1:
        parser.error("--episodes must be at least 1")
    if not 0 <= options.seed < 2**63:
        parser.error("--seed must be a whole number from 0 to 2**63 - 1")
    exit_on_error(partial(_evaluate, options))


def _evaluate(options: argparse.Namespace) -> None:
    agent = load_agent(options.agent)
    run = dict(agent.run)
    if options.env is not None:
        run |= {"env": options.env, "env_args": ()}
    if options.env_args is not None:
        run["env_args"] = tuple(options.env_args)
    wanted, given = bridge.model_config(run), agent.model.config
    for part in ("obs_shape", "num_actions", "actions", "parts"):
        if getattr(wanted, part) != getattr(given, part):
            raise ConfigError(
                f"{run['env']} has {part} = {getattr(wanted, part)}, the agent {getattr(given, part)}."
            )
    torch.manual_seed(options.seed)
    for greedy in (False, True):
        env = VectorEnv(run, options.episodes, jax.random.key(options.seed))
        returns = episode_returns(agent.model, env, greedy=greedy)
        error = returns.std() / len(returns) ** 0.5
        print(
            f"{'greedy' if greedy else 'sampled':8} mean return {returns.mean():.2f} ± {error:.2f} (s.e.), "
            f"{len(returns)} episodes"
        )


if __name__ == "__main__":
    main()
