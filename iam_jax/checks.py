"""What a config must satisfy before anything is built from it."""

import math
from typing import Any

from iam_jax.config import Config, ConfigError, flag, leaves

MANY = 2**31 - 1
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("num_envs", "num_steps", "bptt_length", "num_epochs", "num_minibatches"), (1, MANY)),
    **dict.fromkeys(("hidden", "heads", "attention_units", "d_set_size", "fc", "joint"), (1, MANY)),
    **dict.fromkeys(
        ("num_seeds", "eval_episodes", "final_episodes", "gae_horizon", "frame_stack"), (1, MANY)
    ),
    "shuffle_groups": (1, MANY),
    **dict.fromkeys(("burn_in", "num_evaluations", "seed"), (0, MANY)),
    **dict.fromkeys(("gamma", "gae_lambda", "flicker"), (0, 1)),
    **dict.fromkeys(("learning_rate", "learning_rate_end", "clip", "clip_end"), (0, math.inf)),
    **dict.fromkeys(("entropy", "entropy_end", "value_coefficient"), (0, math.inf)),
    **dict.fromkeys(("max_grad_norm", "adam_eps"), (1e-30, math.inf)),
    "checkpoint_interval": (0, math.inf),
    "total_steps": (1, math.inf),
}
"""Option -> least and largest value, both allowed; of every entry where there are several."""


def check(config: Config) -> None:
    """Refuses numbers that cannot work, alone or together.

    Raises:
      ConfigError: With one sentence that says what to change.
    """
    for name, value in leaves(config):
        name = name.split(".")[-1]
        if name in RANGES:
            _check_range(name, value)
    ppo = config.ppo
    _divides("bptt_length", ppo.bptt_length, f"--num-steps {ppo.num_steps}", ppo.num_steps)
    _divides("gae_horizon", ppo.gae_horizon or 1, f"--num-steps {ppo.num_steps}", ppo.num_steps)
    sequences = ppo.num_envs * ppo.num_steps // ppo.bptt_length
    rollout = f"the {sequences} sequences of a rollout (num_envs * num_steps / bptt_length)"
    _divides("num_minibatches", ppo.num_minibatches, rollout, sequences)
    groups = ppo.shuffle_groups
    _divides("shuffle_groups", groups, f"--num-envs {ppo.num_envs}", ppo.num_envs)
    group = f"the {sequences // groups} sequences of each of the --shuffle-groups {groups}"
    _divides("num_minibatches", ppo.num_minibatches, group, sequences // groups)
    config.env_arguments()


def _check_range(name: str, value: Any) -> None:
    low, high = RANGES[name]
    for number in value if isinstance(value, tuple) else (value,):
        if number is not None and not low <= number <= high:  # nan is refused too
            limits = f"at least {low:g}" if high in (MANY, math.inf) else f"from {low:g} to {high:g}"
            raise ConfigError(f"--{flag(name)} must be {limits}, not {number}.")


def _divides(name: str, value: int, whole: str, number: int) -> None:
    if number % value:
        raise ConfigError(f"--{flag(name)} {value} must divide {whole}.")
