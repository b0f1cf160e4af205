"""Policies: what the numbers of a policy head mean, for each kind of action space.

A policy is the distribution of one action given ``outputs``, a row of numbers. Whatever acts, learns or plays
asks it, and no other part of the package knows an action space. Leading axes are free: ``outputs`` [..., K]
belong to actions [..., *shape] and to log-probabilities and entropies [...].
"""

import dataclasses
import math
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces

_NEVER = -1e30
"""Logit of an illegal action: its probability is exactly 0, and the gradient stays finite."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
"""Gauss-Hermite quadrature: the mean of f(x) for a standard normal x is about ``sum(w f(x)) / sum(w)``."""


class Policy(Protocol):
    """A family of distributions over the actions of one space.

    Attributes:
      num_outputs: Numbers that the policy head computes from the features.
      num_free: Numbers behind those in ``outputs`` that are learnt, but do not depend on the observation.
    """

    @property
    def num_outputs(self) -> int: ...

    @property
    def num_free(self) -> int: ...

    def sample(self, key: jax.Array, outputs: jax.Array) -> jax.Array:
        """An action."""
        ...

    def mode(self, outputs: jax.Array) -> jax.Array:
        """The most probable action."""
        ...

    def log_prob(self, outputs: jax.Array, action: jax.Array) -> jax.Array:
        """Log-probability (of continuous actions, log-density) of an action that this policy sampled."""
        ...

    def entropy(self, outputs: jax.Array) -> jax.Array:
        """Entropy, in nats."""
        ...

    def masked(self, outputs: jax.Array, legal: jax.Array | None) -> jax.Array:
        """The outputs of the distribution in which what is not ``legal``, bool[..., A], is never chosen."""
        ...

    def random(self, key: jax.Array, size: int, legal: jax.Array | None) -> jax.Array:
        """Actions of a policy that looks at nothing, [size, ...]."""
        ...

    def to_env(self, action: jax.Array) -> jax.Array:
        """The element of the action space that an action of the policy stands for."""
        ...

    def told(self, outputs: jax.Array) -> dict[str, Any]:
        """The distribution as a person reads it.

        "probabilities": of each choice, a list of [..., n]; or of numbers "mean", "low" and "high", [..., A]
        each, in the units of the environment: two thirds of what is drawn lies between low and high.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Categorical:
    """One of ``n`` actions, with probabilities softmax(outputs)."""

    n: int
    num_free = 0

    @property
    def num_outputs(self) -> int:
        return self.n

    def sample(self, key: jax.Array, outputs: jax.Array) -> jax.Array:
        return jax.random.categorical(key, outputs)

    def mode(self, outputs: jax.Array) -> jax.Array:
        return outputs.argmax(-1)

    def log_prob(self, outputs: jax.Array, action: jax.Array) -> jax.Array:
        log_probs = jax.nn.log_softmax(outputs)
        return jnp.take_along_axis(log_probs, action[..., None], axis=-1)[..., 0]

    def entropy(self, outputs: jax.Array) -> jax.Array:
        log_probs = jax.nn.log_softmax(outputs)
        return -(jnp.exp(log_probs) * log_probs).sum(-1)

    def masked(self, outputs: jax.Array, legal: jax.Array | None) -> jax.Array:
        return outputs if legal is None else jnp.where(legal, outputs, _NEVER)

    def random(self, key: jax.Array, size: int, legal: jax.Array | None) -> jax.Array:
        if legal is None:
            return jax.random.randint(key, (size,), 0, self.n)
        return self.sample(key, self.masked(jnp.zeros(legal.shape), legal))

    def to_env(self, action: jax.Array) -> jax.Array:
        return action

    def told(self, outputs: jax.Array) -> dict[str, Any]:
        return {"probabilities": [jax.nn.softmax(outputs)]}


@dataclasses.dataclass(frozen=True)
class MultiCategorical:
    """Several choices that are independent given the observation: the i-th is one of ``sizes[i]``."""

    sizes: tuple[int, ...]
    num_free = 0

    @property
    def num_outputs(self) -> int:
        return sum(self.sizes)

    def sample(self, key: jax.Array, outputs: jax.Array) -> jax.Array:
        keys = jax.random.split(key, len(self.sizes))
        parts = self._each(outputs)
        return jnp.stack([c.sample(k, x) for (c, x), k in zip(parts, keys, strict=True)], -1)

    def mode(self, outputs: jax.Array) -> jax.Array:
        return jnp.stack([c.mode(x) for c, x in self._each(outputs)], -1)

    def log_prob(self, outputs: jax.Array, action: jax.Array) -> jax.Array:
        return sum(c.log_prob(x, action[..., i]) for i, (c, x) in enumerate(self._each(outputs)))  # type: ignore[return-value]

    def entropy(self, outputs: jax.Array) -> jax.Array:
        return sum(c.entropy(x) for c, x in self._each(outputs))  # type: ignore[return-value]

    def masked(self, outputs: jax.Array, legal: jax.Array | None) -> jax.Array:
        return outputs if legal is None else jnp.where(legal, outputs, _NEVER)

    def random(self, key: jax.Array, size: int, legal: jax.Array | None) -> jax.Array:
        return self.sample(key, self.masked(jnp.zeros((size, self.num_outputs)), legal))

    def to_env(self, action: jax.Array) -> jax.Array:
        return action

    def told(self, outputs: jax.Array) -> dict[str, Any]:
        return {"probabilities": [jax.nn.softmax(part) for _, part in self._each(outputs)]}

    def _each(self, outputs: jax.Array) -> list[tuple[Categorical, jax.Array]]:
        parts = jnp.split(outputs, np.cumsum(self.sizes)[:-1], axis=-1)
        return [(Categorical(size), part) for size, part in zip(self.sizes, parts, strict=True)]


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """Numbers that are independent given the observation: means from it, deviations that are learnt alone.

    ``outputs`` are the A means and then the A logarithms of the deviations. An action of the policy is what
    was drawn, before it is fitted into the bounds: its density is that of the draw. By default it is clipped
    (the density is not, as in the usual implementations); with ``squash`` it is ``tanh`` of it that is
    stretched to the bounds, and densities and entropies are of the result.

    Attributes:
      shape: Of an action; A is its size.
      low: Least value.
      high: Greatest value.
      squash: By tanh, rather than by clipping.
    """

    shape: tuple[int, ...]
    low: float
    high: float
    squash: bool = False

    @property
    def num_outputs(self) -> int:
        return math.prod(self.shape)

    @property
    def num_free(self) -> int:
        return math.prod(self.shape)

    def sample(self, key: jax.Array, outputs: jax.Array) -> jax.Array:
        mean, log_std = jnp.split(outputs, 2, axis=-1)
        return mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape, mean.dtype)

    def mode(self, outputs: jax.Array) -> jax.Array:
        """The mean: squashed, it is the median and not quite the mode."""
        return jnp.split(outputs, 2, axis=-1)[0]

    def log_prob(self, outputs: jax.Array, action: jax.Array) -> jax.Array:
        mean, log_std = jnp.split(outputs, 2, axis=-1)
        z = (action - mean) * jnp.exp(-log_std)
        density = -0.5 * (jnp.square(z) + math.log(2 * math.pi)) - log_std
        if self.squash:
            density -= self._log_slope(action)
        return density.sum(-1)

    def entropy(self, outputs: jax.Array) -> jax.Array:
        """In closed form; squashed, the mean of tanh's logarithmic slope is added by quadrature."""
        mean, log_std = jnp.split(outputs, 2, axis=-1)
        entropy = log_std + 0.5 * math.log(2 * math.pi * math.e)
        if self.squash:
            nodes = jnp.asarray(_NODES, mean.dtype)
            weights = jnp.asarray(_WEIGHTS / _WEIGHTS.sum(), mean.dtype)
            points = mean[..., None] + jnp.exp(log_std)[..., None] * nodes
            entropy += (self._log_slope(points) * weights).sum(-1)
        return entropy.sum(-1)

    def masked(self, outputs: jax.Array, legal: jax.Array | None) -> jax.Array:
        return outputs

    def random(self, key: jax.Array, size: int, legal: jax.Array | None) -> jax.Array:
        """Standard normal draws: what an untrained policy does."""
        return jax.random.normal(key, (size, self.num_outputs))

    def to_env(self, action: jax.Array) -> jax.Array:
        if self.squash:
            action = self.low + (self.high - self.low) * (jnp.tanh(action) + 1) / 2
        else:
            action = jnp.clip(action, self.low, self.high)
        return action.reshape(*action.shape[:-1], *self.shape)

    def told(self, outputs: jax.Array) -> dict[str, Any]:
        mean, log_std = jnp.split(outputs, 2, axis=-1)
        points = {"low": mean - jnp.exp(log_std), "mean": mean, "high": mean + jnp.exp(log_std)}
        return {name: self.to_env(point).reshape(mean.shape) for name, point in points.items()}

    def _log_slope(self, x: jax.Array) -> jax.Array:
        """Logarithm of the derivative of ``low + (high - low) (tanh x + 1) / 2``, without cancellation."""
        stretch = math.log((self.high - self.low) / 2)
        return stretch + 2 * (math.log(2.0) - x - jax.nn.softplus(-2 * x))


def policy_for(space: Any, *, squash: bool = False) -> Policy:
    """The policy for an action space.

    Args:
      space: One of `envs_jax.spaces`.
      squash: See `Gaussian`.

    Raises:
      ValueError: No policy here acts in it, or it cannot be squashed.
    """
    if isinstance(space, spaces.Discrete):
        return Categorical(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return MultiCategorical(tuple(space.sizes))
    if isinstance(space, spaces.Box) and jnp.issubdtype(space.dtype, jnp.floating):
        if squash and not (math.isfinite(space.low) and math.isfinite(space.high)):
            raise ValueError("Actions without bounds cannot be squashed: leave out --squash-actions.")
        return Gaussian(tuple(space.shape), float(space.low), float(space.high), squash)
    words = type(space).__name__
    if isinstance(space, spaces.Box):
        words = f"Box of whole numbers ({jnp.dtype(space.dtype)})"
    raise ValueError(f"the policies here act in Discrete, MultiDiscrete and Box of floats, not in {words}")
