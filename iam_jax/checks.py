"""What the options of a config must satisfy together, before anything is built from it."""

import re

from iam_jax.config import Config, ConfigError, HardwareConfig, flag
from iam_jax.limits import HIGHEST_SEED

ADDRESS = re.compile(r"([\w.-]+|\[[\da-fA-F:]+\]):(?P<port>\d{1,5})")


def check(config: Config) -> None:
    """Refuses options that cannot work together.

    Raises:
      ConfigError: With one sentence that says what to change.
    """
    if config.seed + config.num_seeds - 1 > HIGHEST_SEED:
        raise ConfigError(
            f"--seed {config.seed} with --num-seeds {config.num_seeds} goes past the last seed, "
            f"{HIGHEST_SEED}: begin at most at {HIGHEST_SEED - config.num_seeds + 1}."
        )
    if config.num_updates > HIGHEST_SEED:
        raise ConfigError(
            f"--total-steps {config.total_steps} are more updates than can be counted: make it at most "
            f"{HIGHEST_SEED // 2 * config.steps_per_update}, or --num-envs larger."
        )
    if config.observe == "hidden" and config.flicker:
        raise ConfigError(
            "--observe hidden shows everything, and --flicker hides it again: leave out --flicker, which is "
            "what perfect memory of a blank screen sees."
        )
    ppo = config.ppo
    _divides("bptt_length", ppo.bptt_length, f"--num-steps {ppo.num_steps}", ppo.num_steps)
    _divides("gae_horizon", ppo.gae_horizon or 1, f"--num-steps {ppo.num_steps}", ppo.num_steps)
    sequences = ppo.sequences
    rollout = f"the {sequences} sequences of a rollout (num_envs * num_steps / bptt_length)"
    _divides("num_minibatches", ppo.minibatches, rollout, sequences)
    groups = ppo.shuffle_groups
    _divides("shuffle_groups", groups, f"--num-envs {ppo.num_envs}", ppo.num_envs)
    group = f"the {sequences // groups} sequences of each of the --shuffle-groups {groups}"
    _divides("num_minibatches", ppo.minibatches, group, sequences // groups)
    if config.hardware.devices is not None:
        check_devices(config, config.hardware.devices)
    _check_processes(config.hardware)
    config.env_arguments()


def check_devices(config: Config, num_devices: int) -> None:
    """Refuses devices that cannot share a run evenly.

    Raises:
      ConfigError: With one sentence that says what to change.
    """
    num_envs, num_runs = config.ppo.num_envs, config.num_runs
    if num_devices > 1 and (num_runs == 1 or num_runs % num_devices):
        seeds = f" or --num-seeds {config.num_seeds}" if config.num_seeds > 1 else ""
        runs = f" or the {num_runs} runs of the --sweep" if config.sweep else seeds
        _divides("devices", num_devices, f"--num-envs {num_envs}{runs}", num_envs)


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


def _divides(name: str, value: int, whole: str, number: int) -> None:
    if number % value:
        fitting = [n for n in range(1, number + 1) if number % n == 0]
        below = max((n for n in fitting if n < value), default=None)
        above = min((n for n in fitting if n > value), default=None)
        near = " and ".join(str(n) for n in (below, above) if n is not None)
        raise ConfigError(f"--{flag(name)} {value} must divide {whole}: the nearest that do are {near}.")
