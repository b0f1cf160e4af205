"""Every choice of the learner, as frozen dataclasses. Imports no jax, so that ``--help`` is quick."""

import dataclasses
from functools import cache

from iam_jax.limits import names
from iam_jax.model_config import Section


@dataclasses.dataclass(frozen=True)
class PPOShape(Section):
    """What decides the shapes and the program of the learner, and so is the same in all runs of a sweep."""

    num_envs: int = 4096
    """Environments stepped together."""
    num_steps: int = 8
    """Steps of each environment in one rollout."""
    bptt_length: int = 8
    """Length of the sequences that gradients flow through; divides num_steps."""
    num_epochs: int = 4
    """Passes over each rollout."""
    num_minibatches: int | None = None
    """Parts of a rollout, one gradient step each; divides num_envs * num_steps / bptt_length. By default as
    many as make minibatches of about minibatch_steps."""
    minibatch_steps: int = 256
    """Environment steps of a minibatch, about, where num_minibatches is not given."""
    shuffle_groups: int = 1
    """Minibatches take equally many sequences from each of so many blocks of environments, and devices that
    hold whole blocks need not exchange observations; divides num_envs."""
    gae_horizon: int | None = None
    """Cut advantages, with bootstrap, every so many steps; divides num_steps."""
    clip_value: bool = False
    """Take the larger of the clipped and unclipped value errors."""
    normalise_advantage: bool = True
    """Zero mean and unit variance in each minibatch."""
    clip_reward: bool = False
    """Learn from the sign of each reward. Reported returns are the environment's own."""
    normalise_rewards: bool = False
    """Learn from rewards divided by the running deviation of discounted returns. Reported returns are the
    environment's own."""
    bootstrap_truncated: bool = True
    """At a time limit go on with the critic's value; otherwise treat it as the end of the task."""
    burn_in: int = 0
    """Every environment first takes up to so many random steps, so that episodes are out of phase."""

    @property
    def sequences(self) -> int:
        """Sequences of one rollout."""
        return self.num_envs * self.num_steps // self.bptt_length

    @property
    def minibatches(self) -> int:
        """Gradient steps of an epoch: ``num_minibatches``, or what comes nearest to ``minibatch_steps``."""
        if self.num_minibatches is not None:
            return self.num_minibatches
        wanted = self.num_envs * self.num_steps / self.minibatch_steps
        return _nearest_divisor(max(1, self.sequences // self.shuffle_groups), wanted)


@dataclasses.dataclass(frozen=True)
class PPOConfig(PPOShape):
    """The learner (Schulman et al. 2017, with memory). Every ``x``, ``x_end`` pair is a linear schedule.

    Beside the shape it has the numbers, which `iam_jax.ppo.numbers.PPONumbers` hands to the program and a
    sweep may vary.
    """

    gamma: float = 0.92
    """Discount."""
    gae_lambda: float = 0.6
    """Trace decay of the advantage estimator."""
    learning_rate: float = 2e-3
    learning_rate_end: float = 0.0
    clip: float = 0.2
    """Clip range of the probability ratio and, with clip_value, of the value."""
    clip_end: float = 0.2
    entropy: float = 0.05
    """Weight of the entropy bonus."""
    entropy_end: float = 0.0
    value_coefficient: float = 0.5
    """Weight of the squared value error (which has no factor 1/2)."""
    max_grad_norm: float | None = 0.5
    """Clip the gradient's global norm."""
    adam_eps: float = 1e-8


NUMBERS = frozenset(names(PPOConfig) - names(PPOShape))
"""The numbers of the learner, which a sweep may vary."""


@cache
def _nearest_divisor(number: int, wanted: float) -> int:
    """The divisor of a number that is nearest to what is wanted, in proportion."""
    divisors = (n for n in range(1, number + 1) if number % n == 0)
    return min(divisors, key=lambda n: max(n / wanted, wanted / n))
