"""Where a run computes: environments, or seeds, spread over the devices of one or several processes."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from iam_jax.checks import check_devices
from iam_jax.config import Config, ConfigError, HardwareConfig
from iam_jax.stored import to_json


class Placement:
    """Spreads states over the first ``num_devices`` devices.

    The mesh has one axis. It divides the runs (seeds, settings of a sweep) if it can, because they never wait
    for each other, and else the environments. What it does not divide, such as the parameters of a run, is on
    every device.

    Args:
      config: Of the run.
      num_devices: Divides its runs or environments.
    """

    def __init__(self, config: Config, num_devices: int):
        self.num_devices = num_devices
        many = config.num_runs > 1
        self.over_runs = many and config.num_runs % num_devices == 0
        axis = "runs" if self.over_runs else "envs"
        mesh = Mesh(np.array(jax.devices()[:num_devices]), (axis,))
        self.everywhere = NamedSharding(mesh, PartitionSpec())
        self._runs = NamedSharding(mesh, PartitionSpec("runs")) if self.over_runs else self.everywhere
        envs = PartitionSpec(None, "envs") if many else PartitionSpec("envs")
        self._envs = self._runs if self.over_runs else NamedSharding(mesh, envs)
        self._mesh = mesh

    def shardings(self, state: Any) -> Any:
        """Where each leaf of a `TrainState` lies. Those of its actor are [B, ...], or [S, B, ...]."""
        everything = jax.tree.map(lambda _: self._runs, state)
        return everything.replace(actor=jax.tree.map(lambda _: self._envs, state.actor))

    def chunks(self, function: Callable[[Any], Any], runs: Any, at_once: int) -> Any:
        """A function of one run for all of them, [S, ...], so many at once and then the next ones.

        With several devices each has its share of the runs, and so many at once over all of them.
        """
        if not self.over_runs or self.num_devices == 1:
            return jax.lax.map(function, runs, batch_size=at_once)
        each = max(1, at_once // self.num_devices)
        spread = PartitionSpec("runs")
        mapped = jax.shard_map(
            lambda runs: jax.lax.map(function, runs, batch_size=each),
            mesh=self._mesh,
            in_specs=spread,
            out_specs=spread,
            check_vma=False,
        )
        return mapped(runs)


def count_devices(config: Config) -> int:
    """How many devices a run uses, those of all its processes together.

    Raises:
      ConfigError: There are not so many, or they cannot share the run evenly.
    """
    available, wanted = len(jax.devices()), config.hardware.devices
    if jax.process_count() > 1:
        if wanted not in (None, available):
            raise ConfigError(f"--devices {wanted} must be all {available} of the processes: leave it out.")
        wanted = available
    if wanted is None:
        return 1
    if wanted > available:
        raise ConfigError(
            f"--devices {wanted} is more than the {available} here (a CPU shows itself as several "
            f"with XLA_FLAGS=--xla_force_host_platform_device_count={wanted})."
        )
    check_devices(config, wanted)
    return wanted


def connect(config: Config, run_dir: Path) -> None:
    """Joins the other processes of the run, if there are any; before anything is computed.

    Returns when all have come here.

    Raises:
      ConfigError: They cannot be found, or have other options.
    """
    hardware = config.hardware
    if hardware.coordinator is None:
        return
    # Processes agree among themselves when to stop: see `largest`.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(**_meeting(hardware))
    except ValueError as error:
        raise ConfigError(
            "--coordinator auto found no SLURM, Open MPI or TPU pod: give HOST:PORT, --num-processes and "
            "--process-id."
        ) from error
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"--coordinator {hardware.coordinator} does not work ({reason}).") from error
    mine = np.uint32(zlib.crc32(f"{run_dir} {to_json(config)}".encode()))
    if len(np.unique(multihost_utils.process_allgather(mine))) > 1:
        raise ConfigError("The processes of a run must be started with the same options, in the same folder.")


def is_first_process() -> bool:
    """Whether this process is the one that prints and writes."""
    return jax.process_index() == 0


def largest(number: int) -> int:
    """The largest of the processes' numbers, so that all of them decide alike."""
    if jax.process_count() == 1:
        return number
    return int(multihost_utils.process_allgather(np.int32(number)).max())


def _meeting(hardware: HardwareConfig) -> dict[str, Any]:
    if hardware.coordinator == "auto":
        return {}
    return {
        "coordinator_address": hardware.coordinator,
        "num_processes": hardware.num_processes,
        "process_id": hardware.process_id,
        "cluster_detection_method": "deactivate",
    }
