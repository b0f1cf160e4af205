"""The numbers of the learner, as a tree: what a sweep may vary without compiling anew."""

from typing import Any, Self

from flax import struct

from iam_jax.config import NUMBERS, PPOConfig


class PPONumbers(struct.PyTreeNode):
    """What `iam_jax.PPOConfig` has beside its shape; see there for what each is.

    Each is a Python number, which the compiler takes as a constant, or an array, float32[]; `jax.vmap` over
    arrays trains one run for each entry. ``max_grad_norm`` is None where gradients are not clipped.
    """

    gamma: Any
    gae_lambda: Any
    learning_rate: Any
    learning_rate_end: Any
    clip: Any
    clip_end: Any
    entropy: Any
    entropy_end: Any
    value_coefficient: Any
    max_grad_norm: Any
    adam_eps: Any

    @classmethod
    def of(cls, config: PPOConfig) -> Self:
        """Those of a config."""
        return cls(**{name: getattr(config, name) for name in NUMBERS})
