"""Acting: the policy samples, the environments answer, and what the update needs is written down.

    a_t ~ pi(.|x_t, d_t)                        sampled as argmax(logits + Gumbel noise)
    V'_t = V(o_{t+1}, d_t)                      where a time limit ends the episode: the critic's value
                                                of its last observation under the memory as it stands

The memory is stored before it reads the first observation of a sequence, not after.
"""

import dataclasses

import torch
from torch import Tensor

from iam_torch_ref.bridge import Step, VectorEnv
from iam_torch_ref.config import PPOConfig
from iam_torch_ref.loss import log_prob_of
from iam_torch_ref.model import ActorCritic, Carry
from iam_torch_ref.update import Rollout


@dataclasses.dataclass
class ActorState:
    """Where B environments stand: observation, whether it begins an episode, memory before it."""

    obs: Tensor
    first: Tensor
    carry: Carry

    @classmethod
    def start(cls, model: ActorCritic, env: VectorEnv) -> "ActorState":
        device = model.heads.value.weight.device
        first = torch.ones(len(env.obs), dtype=torch.bool, device=device)
        return cls(env.obs.to(device), first, model.initial_carry(len(first)))


def apply(model: ActorCritic, state: ActorState) -> tuple[Carry, Tensor, Tensor]:
    """The model on a single step: carry, logits [B, A], value [B]."""
    carry, logits, value = model(state.carry, state.obs[None], state.first[None])
    return carry, logits[0], value[0]


def sample(logits: Tensor) -> Tensor:
    """Actions drawn from softmax(logits), int64[B]."""
    noise = -torch.empty_like(logits).exponential_().log()
    return (logits + noise).argmax(-1)


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
        carry, logits, value = apply(model, state)
        action = sample(logits)
        step = Step(*(x.to(device) for x in env.step(action)))
        final_value = torch.zeros_like(value)
        if config.bootstrap_truncated and step.truncated.any():
            never = torch.zeros_like(step.truncated)
            final_value = apply(model, ActorState(step.final_obs, never, carry))[2]
        rows.append(
            {
                "obs": state.obs,
                "first": state.first,
                "action": action,
                "log_prob": log_prob_of(logits, action),
                "value": value,
                "reward": step.reward.to(value.dtype),
                "terminated": step.terminated,
                "truncated": step.truncated,
                "final_value": final_value,
            }
        )
        returns += step.episode_return[step.ended].tolist()
        state = ActorState(step.obs, step.terminated | step.truncated, carry)
    stacked = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    last_value = apply(model, state)[2]
    return state, Rollout(carries=carries, last_value=last_value, **stacked), returns
