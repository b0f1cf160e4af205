"""The objective of PPO (Schulman et al. 2017), as a loss.

    rho_t = pi(a_t|h_t) / pi_old(a_t|h_t)                           (above their Equation 6)
    L_clip = mean(min(rho A, clip(rho, 1 - c, 1 + c) A))            (Equation 7)
    L_value = mean((V - V_target)^2),  V_target = V_old + A         (Equation 9's squared error)
    loss = -L_clip + c_v L_value - c_h mean(entropy)                (Equation 9, with its sign turned)

With ``clip_value`` the value error is the larger of that and the same for V_old + clip(V - V_old, -c, c).
With ``normalise_advantage`` the A of L_clip have zero mean and unit variance in each minibatch.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from iam_torch_ref.config import PPOConfig
from iam_torch_ref.maps import Observation
from iam_torch_ref.model import ActorCritic, Carry

ADVANTAGE_EPS = 1e-8


@dataclasses.dataclass(frozen=True)
class Batch:
    """Sequences for one gradient step: T = BPTT length, B = sequences.

    Attributes:
      carry: Memory before it reads ``obs[0]``, as stored in the rollout, [B, ...].
      obs: [T, B, ...], or a tuple of parts.
      first: Whether the memory is cleared before it reads ``obs[t]``, bool[T, B].
      action: Of the policy, [T, B, ...].
      log_prob: Of ``action`` under the policy that acted, float[T, B].
      value: Of the critic that acted, float[T, B].
      advantage: float[T, B].
      legal: What the policy could choose, bool[T, B, A]; None where that was everything.
    """

    carry: Carry
    obs: Observation
    first: Tensor
    action: Tensor
    log_prob: Tensor
    value: Tensor
    advantage: Tensor
    legal: Tensor | None = None

    def take(self, indices: Tensor) -> "Batch":
        """The sequences with these indices."""
        parts = {
            field.name: each(lambda x: x[:, indices], getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.name != "carry"
        }
        return Batch(carry=tuple(part[indices] for part in self.carry), **parts)


def each(function: Callable[[Tensor], Tensor], x: Any) -> Any:
    """A function of a tensor, of each part of a tuple, or of nothing."""
    if x is None:
        return None
    return tuple(map(function, x)) if isinstance(x, tuple) else function(x)


def normalised(advantage: Tensor) -> Tensor:
    """Zero mean and unit (population) variance."""
    return (advantage - advantage.mean()) / (advantage.std(correction=0) + ADVANTAGE_EPS)


def ppo_loss(model: ActorCritic, batch: Batch, rates: dict[str, float], config: PPOConfig) -> Tensor:
    """Loss to minimise, float[]. ``rates`` are the scheduled numbers; see `update.schedules`."""
    policy = model.policy
    _, outputs, value = model(batch.carry, batch.obs, batch.first)
    outputs = policy.masked(outputs, batch.legal)
    clip = rates["clip"]

    advantage = normalised(batch.advantage) if config.normalise_advantage else batch.advantage
    ratio = (policy.log_prob(outputs, batch.action) - batch.log_prob).exp()
    policy_gain = torch.min(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()

    target = batch.value + batch.advantage
    value_error = (value - target).square()
    if config.clip_value:
        near = batch.value + (value - batch.value).clamp(-clip, clip)
        value_error = torch.max(value_error, (near - target).square())

    entropy = policy.entropy(outputs).mean()
    return (
        -policy_gain + config.value_coefficient * value_error.mean() - rates["entropy_coefficient"] * entropy
    )
