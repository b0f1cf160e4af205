"""What a config must satisfy before anything is built from it."""

import math
import re
from typing import Any

from iam_jax.config import Config, ConfigError, HardwareConfig, flag, leaves

MANY = 2**31 - 1
ADDRESS = re.compile(r"([\w.-]+|\[[\da-fA-F:]+\]):(?P<port>\d{1,5})")
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("num_envs", "num_steps", "bptt_length", "num_epochs", "num_minibatches"), (1, MANY)),
    **dict.fromkeys(("hidden", "heads", "attention_units", "d_set_size", "fc", "joint"), (1, MANY)),
    **dict.fromkeys(
        ("num_seeds", "eval_episodes", "final_episodes", "gae_horizon", "frame_stack"), (1, MANY)
    ),
    **dict.fromkeys(("shuffle_groups", "devices", "num_processes"), (1, MANY)),
    **dict.fromkeys(("burn_in", "num_evaluations", "seed", "process_id"), (0, MANY)),
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
    if config.hardware.devices is not None:
        check_devices(config, config.hardware.devices)
    _check_processes(config.hardware)
    config.env_arguments()


def check_devices(config: Config, num_devices: int) -> None:
    """Refuses devices that cannot share a run evenly.

    Raises:
      ConfigError: With one sentence that says what to change.
    """
    num_envs, num_seeds = config.ppo.num_envs, config.num_seeds
    if num_devices > 1 and (num_seeds == 1 or num_seeds % num_devices):
        seeds = f" or --num-seeds {num_seeds}" if num_seeds > 1 else ""
        _divides("devices", num_devices, f"--num-envs {num_envs}{seeds}", num_envs)


def _check_processes(hardware: HardwareConfig) -> None:
    where, number, process = hardware.coordinator, hardware.num_processes, hardware.process_id
    if where is None or where == "auto":
        if number is not None or process is not None:
            raise ConfigError("--num-processes and --process-id go with --coordinator HOST:PORT.")
    elif not (address := ADDRESS.fullmatch(where)) or not 0 < int(address["port"]) < 2**16:
        raise ConfigError(f"--coordinator must be HOST:PORT or auto, not {where!r}.")
    elif number is None or process is None:
        raise ConfigError("--coordinator HOST:PORT needs --num-processes and --process-id.")
    elif process >= number:
        raise ConfigError(f"--process-id must be from 0 to {number - 1} (--num-processes {number}).")


def _check_range(name: str, value: Any) -> None:
    low, high = RANGES[name]
    for number in value if isinstance(value, tuple) else (value,):
        if number is not None and not low <= number <= high:  # nan is refused too
            limits = f"at least {low:g}" if high in (MANY, math.inf) else f"from {low:g} to {high:g}"
            raise ConfigError(f"--{flag(name)} must be {limits}, not {number}.")


def _divides(name: str, value: int, whole: str, number: int) -> None:
    if number % value:
        raise ConfigError(f"--{flag(name)} {value} must divide {whole}.")
