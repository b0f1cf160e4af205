"""One PPO update: a rollout becomes sequences, and every minibatch of them one step of Adam.

    g <- g min(1, N / |g|)                                      clip the global norm of the gradient
    m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2          (Kingma and Ba 2015, Algorithm 1)
    theta <- theta - alpha (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps)

alpha, the clip range and the entropy coefficient may fall linearly over the run's updates (Schulman et
al. 2017, Table 5, let the first two do so); they are constant within one update.
"""

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from iam_torch_ref.config import PPOConfig
from iam_torch_ref.gae import gae
from iam_torch_ref.loss import Batch, each, ppo_loss
from iam_torch_ref.maps import EPS, LIMIT, Observation, merged
from iam_torch_ref.model import ActorCritic, Carry


@dataclasses.dataclass(frozen=True)
class Rollout:
    """T steps of B environments.

    Attributes:
      carries: Memory before each chunk of ``bptt_length`` steps, one Carry of [B, ...] per chunk.
      obs: [T, B, ...], or a tuple of parts.
      first: Whether ``obs`` begins an episode, bool[T, B].
      action: Of the policy, [T, B, ...].
      log_prob: Of the action, float[T, B].
      value: Of ``obs``, float[T, B].
      reward: float[T, B].
      terminated: The task ended, bool[T, B].
      truncated: The time limit ended the episode, bool[T, B].
      final_value: Value of the episode's last observation where truncated, float[T, B].
      last_value: Value of the observation behind the rollout, float[B].
      legal: What the policy could choose, bool[T, B, A]; None where that was everything.
    """

    carries: list[Carry]
    obs: Observation
    first: Tensor
    action: Tensor
    log_prob: Tensor
    value: Tensor
    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    final_value: Tensor
    last_value: Tensor
    legal: Tensor | None = None


@dataclasses.dataclass
class Returns:
    """What rewards are divided by: the deviation of ``R_t = r_t + gamma R_{t-1}`` over all that has been.

    Attributes:
      running: R of each environment's present episode, float[B].
      moments: Mean, variance and number of all R.
    """

    running: Tensor
    moments: tuple[Tensor, Tensor, Tensor]

    @classmethod
    def start(cls, num_envs: int, like: Tensor) -> "Returns":
        moments = (like.new_zeros(()), like.new_ones(()), like.new_zeros(()))
        return cls(like.new_zeros(num_envs), moments)

    def normalise(self, rollout: Rollout, gamma: float) -> Rollout:
        """Takes a rollout into account, and returns it with its rewards divided."""
        totals = []
        ended = rollout.terminated | rollout.truncated
        for reward, over in zip(rollout.reward, ended, strict=True):
            total = gamma * self.running + reward
            totals.append(total)
            self.running = torch.where(over, 0, total)
        self.moments = merged(self.moments, torch.stack(totals).flatten())
        reward = (rollout.reward / (self.moments[1] + EPS).sqrt()).clamp(-LIMIT, LIMIT)
        return dataclasses.replace(rollout, reward=reward)


def make_optimiser(model: ActorCritic, config: PPOConfig) -> torch.optim.Adam:
    """Adam with the paper's other defaults; `update` sets its learning rate."""
    return torch.optim.Adam(model.parameters(), lr=config.learning_rate, eps=config.adam_eps)


def schedules(config: PPOConfig, done: float) -> dict[str, float]:
    """Learning rate, clip range and entropy coefficient when a share ``done`` of the run is over."""

    def linear(start: float, end: float) -> float:
        return start + (end - start) * done

    return {
        "learning_rate": linear(config.learning_rate, config.learning_rate_end),
        "clip": linear(config.clip, config.clip_end),
        "entropy_coefficient": linear(config.entropy, config.entropy_end),
    }


def update(
    model: ActorCritic,
    optimiser: torch.optim.Optimizer,
    rollout: Rollout,
    indices: Tensor,
    rates: dict[str, float],
    config: PPOConfig,
) -> float:
    """Learns from a rollout, and returns the mean loss.

    Args:
      model: Changed in place.
      optimiser: Of `make_optimiser`.
      rollout: What happened.
      indices: Sequences of every minibatch of every epoch, int[epochs, minibatches, sequences];
        chunk c of environment b is sequence ``c * B + b``.
      rates: Of `schedules`.
      config: The learner's numbers.
    """
    batch = sequences(rollout, config)
    losses = [
        gradient_step(model, optimiser, batch.take(minibatch), rates, config)
        for epoch in indices
        for minibatch in epoch
    ]
    return sum(losses) / len(losses)


def sequences(rollout: Rollout, config: PPOConfig) -> Batch:
    """The rollout with its advantages, cut into sequences: [T, B, ...] -> [L, T / L * B, ...]."""
    advantage = gae(
        reward=rollout.reward,
        value=rollout.value,
        last_value=rollout.last_value,
        final_value=rollout.final_value,
        terminated=rollout.terminated,
        truncated=rollout.truncated,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        horizon=config.gae_horizon,
    )

    def cut(x: Any) -> Any:
        return each(lambda x: torch.cat(x.split(config.bptt_length), dim=1), x)

    return Batch(
        carry=tuple(torch.cat(parts) for parts in zip(*rollout.carries, strict=True)),
        obs=cut(rollout.obs),
        first=cut(rollout.first),
        action=cut(rollout.action),
        log_prob=cut(rollout.log_prob),
        value=cut(rollout.value),
        advantage=cut(advantage),
        legal=cut(rollout.legal),
    )


def gradient_step(
    model: ActorCritic,
    optimiser: torch.optim.Optimizer,
    minibatch: Batch,
    rates: dict[str, float],
    config: PPOConfig,
) -> float:
    """One step of Adam on one minibatch; returns the loss before it."""
    loss = ppo_loss(model, minibatch, rates, config)
    optimiser.zero_grad()
    loss.backward()
    apply_gradients(model, optimiser, rates["learning_rate"], config.max_grad_norm)
    return float(loss.detach())


def apply_gradients(
    model: nn.Module, optimiser: torch.optim.Optimizer, learning_rate: float, max_grad_norm: float | None
) -> None:
    """Clips the gradients that the parameters hold, and steps."""
    if max_grad_norm is not None:
        clip_global_norm(model, max_grad_norm)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
    optimiser.step()


def clip_global_norm(model: nn.Module, limit: float) -> None:
    """Scales all gradients so that their joint norm is at most ``limit``.

    `torch.nn.utils.clip_grad_norm_` divides by the norm plus 1e-6, which is another number.
    """
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
    scale = torch.where(norm > limit, limit / norm, 1.0)
    for gradient in gradients:
        gradient.mul_(scale)
