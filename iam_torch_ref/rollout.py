"""Acting: the policy samples, the environments answer, and what the update needs is written down.

    a_t ~ pi(.|x_t, d_t)                        among the actions that are legal
    V'_t = V(o_{t+1}, d_t)                      where a time limit ends the episode: the critic's value
                                                of its last observation under the memory as it stands

The memory is stored before it reads the first observation of a sequence, not after.
"""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from iam_torch_ref.bridge import Step, VectorEnv
from iam_torch_ref.config import PPOConfig
from iam_torch_ref.loss import each
from iam_torch_ref.maps import Observation
from iam_torch_ref.model import ActorCritic, Carry
from iam_torch_ref.update import Rollout


@dataclasses.dataclass
class ActorState:
    """Where B environments stand: observation, whether it begins an episode, memory before it."""

    obs: Observation
    first: Tensor
    carry: Carry
    legal: Tensor | None = None

    @classmethod
    def start(cls, model: ActorCritic, env: VectorEnv) -> "ActorState":
        device = model.heads.value.weight.device
        first = torch.ones(env.num_envs, dtype=torch.bool, device=device)
        obs, legal = (each(lambda x: x.to(device), x) for x in (env.obs, env.legal))
        return cls(obs, first, model.initial_carry(len(first)), legal)


def apply(model: ActorCritic, state: ActorState) -> tuple[Carry, Tensor, Tensor]:
    """The model on a single step: carry, outputs of the policy [B, K], value [B]."""
    obs = each(lambda x: x[None], state.obs)
    carry, outputs, value = model(state.carry, obs, state.first[None])
    return carry, model.policy.masked(outputs[0], state.legal), value[0]


@torch.no_grad()
def collect(
    model: ActorCritic, env: VectorEnv, state: ActorState, config: PPOConfig
) -> tuple[ActorState, Rollout, list[float]]:
    """``num_steps`` steps: the state after them, what happened, and the returns of ended episodes."""
    device = model.heads.value.weight.device
    carries, rows, returns = [], [], []
    for t in range(config.num_steps):
        if t % config.bptt_length == 0:
            carries.append(state.carry)
        carry, outputs, value = apply(model, state)
        action = model.policy.sample(outputs)
        step = Step(*(each(lambda x: x.to(device), x) for x in env.step(model.policy.to_env(action))))
        final_value = torch.zeros_like(value)
        if config.bootstrap_truncated and step.truncated.any():
            never = torch.zeros_like(step.truncated)
            final_value = apply(model, ActorState(step.final_obs, never, carry))[2]
        rows.append(
            {
                "obs": state.obs,
                "first": state.first,
                "action": action,
                "legal": state.legal,
                "log_prob": model.policy.log_prob(outputs, action),
                "value": value,
                "reward": step.reward.to(value.dtype),
                "terminated": step.terminated,
                "truncated": step.truncated,
                "final_value": final_value,
            }
        )
        returns += step.episode_return[step.ended].tolist()
        state = ActorState(step.obs, step.terminated | step.truncated, carry, step.legal)
    stacked = {name: _stacked([row[name] for row in rows]) for name in rows[0]}
    last_value = apply(model, state)[2]
    return state, Rollout(carries=carries, last_value=last_value, **stacked), returns


def _stacked(rows: list[Any]) -> Any:
    """What was written down in every step, [T, B, ...]."""
    if rows[0] is None:
        return None
    if isinstance(rows[0], tuple):
        return tuple(torch.stack(part) for part in zip(*rows, strict=True))
    return torch.stack(rows)
