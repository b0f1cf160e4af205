"""Generalised advantage estimation (Schulman et al. 2016), with time limits.

    delta_t = r_t + gamma V'_t - V_t            (the TD residual; Schulman et al. 2017, Equation 12)
    A_t = delta_t + gamma lambda A_{t+1}        (Equation 16 as a recursion; 2017, Equation 11)

V'_t is 0 where the task ended with step t, the critic's value of the last observation where a time
limit ended the episode, and else V_{t+1}. No advantage flows back over an episode's end.
"""

import torch
from torch import Tensor


def gae(
    *,
    reward: Tensor,
    value: Tensor,
    last_value: Tensor,
    final_value: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float,
    gae_lambda: float,
    horizon: int | None = None,
) -> Tensor:
    """Advantages of a rollout, float[T, B].

    Args:
      reward: float[T, B].
      value: Critic's value of the observation before each step, float[T, B].
      last_value: Value of the observation behind the rollout, float[B].
      final_value: Value of the last observation of an episode, where ``truncated``, float[T, B].
      terminated: The task ended with this step, bool[T, B].
      truncated: The time limit ended the episode with this step, bool[T, B].
      gamma: Discount.
      gae_lambda: Trace decay.
      horizon: Cut the trace, with bootstrap, every so many steps.
    """
    advantages = torch.empty_like(value)
    advantage = torch.zeros_like(last_value)
    next_value = last_value
    for t in reversed(range(len(reward))):
        after = torch.where(truncated[t], final_value[t], next_value)
        after = torch.where(terminated[t], 0, after)
        goes_on = ~(terminated[t] | truncated[t])
        if horizon is not None and (t + 1) % horizon == 0:
            goes_on = torch.zeros_like(goes_on)
        delta = reward[t] + gamma * after - value[t]
        advantage = delta + gamma * gae_lambda * torch.where(goes_on, advantage, 0)
        advantages[t] = advantage
        next_value = value[t]
    return advantages
