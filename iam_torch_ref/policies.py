"""Policies: what the outputs of the policy head mean, for each kind of action space.

    discrete        pi = softmax(y);  log pi(a) = y_a - log sum exp y;  H = -sum pi log pi
    multi-discrete  independent ones, each with its share of y
    continuous      a ~ N(m, s^2) in every entry, y = [m, log s]
                    log p(a) = -((a - m) / s)^2 / 2 - log s - log(2 pi) / 2,  H = log s + log(2 pi e) / 2
                    what the environment gets is a, clipped; its density is not changed by that
      squashed      b = low + (high - low) (tanh a + 1) / 2;  log p(b) = log p(a) - log |db/da|,
                    log |db/da| = log((high - low) / 2) + 2 (log 2 - a - softplus(-2 a)),  and H likewise
                    plus the mean of log |db/da|, by Gauss-Hermite quadrature

What is not legal has the output -1e30, so its probability is exactly 0.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from iam_torch_ref.config import Actions, ModelConfig

NEVER = -1e30
POINTS = 32
"""Of the quadrature."""


class Categorical:
    """One of n actions."""

    free = 0

    def sample(self, outputs: Tensor) -> Tensor:
        """Actions drawn as argmax(outputs + Gumbel noise), int64[...]."""
        noise = -torch.empty_like(outputs).exponential_().log()
        return (outputs + noise).argmax(-1)

    def mode(self, outputs: Tensor) -> Tensor:
        return outputs.argmax(-1)

    def log_prob(self, outputs: Tensor, action: Tensor) -> Tensor:
        return outputs.log_softmax(-1).gather(-1, action[..., None].long())[..., 0]

    def entropy(self, outputs: Tensor) -> Tensor:
        log_probs = outputs.log_softmax(-1)
        return -(log_probs.exp() * log_probs).sum(-1)

    def masked(self, outputs: Tensor, legal: Tensor | None) -> Tensor:
        return outputs if legal is None else torch.where(legal, outputs, NEVER)

    def to_env(self, action: Tensor) -> Tensor:
        return action


class MultiCategorical(Categorical):
    """Several choices, the i-th of them one of ``sizes[i]``."""

    def __init__(self, sizes: tuple[int, ...]):
        self.sizes, self.one = list(sizes), Categorical()

    def sample(self, outputs: Tensor) -> Tensor:
        return torch.stack([self.one.sample(y) for y in outputs.split(self.sizes, -1)], -1)

    def mode(self, outputs: Tensor) -> Tensor:
        return torch.stack([self.one.mode(y) for y in outputs.split(self.sizes, -1)], -1)

    def log_prob(self, outputs: Tensor, action: Tensor) -> Tensor:
        parts = zip(outputs.split(self.sizes, -1), action.unbind(-1), strict=True)
        return torch.stack([self.one.log_prob(y, a) for y, a in parts]).sum(0)

    def entropy(self, outputs: Tensor) -> Tensor:
        return torch.stack([self.one.entropy(y) for y in outputs.split(self.sizes, -1)]).sum(0)


class Gaussian:
    """Numbers with a mean that follows the observation and a deviation that is learnt alone."""

    def __init__(self, actions: Actions):
        self.actions, self.free = actions, math.prod(actions.shape)

    def sample(self, outputs: Tensor) -> Tensor:
        mean, log_std = outputs.chunk(2, -1)
        return mean + log_std.exp() * torch.randn_like(mean)

    def mode(self, outputs: Tensor) -> Tensor:
        return outputs.chunk(2, -1)[0]

    def log_prob(self, outputs: Tensor, action: Tensor) -> Tensor:
        mean, log_std = outputs.chunk(2, -1)
        z = (action - mean) / log_std.exp()
        density = -0.5 * (z.square() + math.log(2 * math.pi)) - log_std
        if self.actions.squash:
            density = density - self._log_slope(action)
        return density.sum(-1)

    def entropy(self, outputs: Tensor) -> Tensor:
        mean, log_std = outputs.chunk(2, -1)
        entropy = log_std + 0.5 * math.log(2 * math.pi * math.e)
        if self.actions.squash:
            nodes, weights = _quadrature(mean)
            points = mean[..., None] + log_std.exp()[..., None] * nodes
            entropy = entropy + (self._log_slope(points) * weights).sum(-1)
        return entropy.sum(-1)

    def masked(self, outputs: Tensor, legal: Tensor | None) -> Tensor:
        return outputs

    def to_env(self, action: Tensor) -> Tensor:
        low, high = self.actions.low, self.actions.high
        if self.actions.squash:
            action = low + (high - low) * (action.tanh() + 1) / 2
        else:
            action = action.clamp(low, high)
        return action.unflatten(-1, self.actions.shape)

    def _log_slope(self, x: Tensor) -> Tensor:
        stretch = math.log((self.actions.high - self.actions.low) / 2)
        return stretch + 2 * (math.log(2.0) - x - softplus(-2 * x))


Policy = Categorical | Gaussian


def policy_for(config: ModelConfig) -> Policy:
    """The policy of a model."""
    actions = config.actions
    if actions is None or actions.kind == "discrete":
        return Categorical()
    return MultiCategorical(actions.sizes) if actions.kind == "multi-discrete" else Gaussian(actions)


def _quadrature(like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights for the mean over a standard normal (Golub and Welsch 1969)."""
    off = torch.arange(1, POINTS, dtype=torch.float64).sqrt()
    nodes, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return nodes.to(like), vectors[0].square().to(like)
