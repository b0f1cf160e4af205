"""How everything here is timed, and on what."""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

Timing = dict[str, float]


def median_rate(call: Callable[[], Any], amount: float, repeats: int) -> Timing:
    """``amount / seconds`` of a call that has been compiled: median, lowest and highest.

    Args:
      call: Returns arrays; timed until they are ready.
      amount: What one call does, environment steps for instance.
      repeats: Timed calls, after one that is not.
    """
    jax.block_until_ready(call())
    rates = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(call())
        rates.append(amount / (time.perf_counter() - began))
    return {"median": statistics.median(rates), "low": min(rates), "high": max(rates)}


def machine() -> dict[str, Any]:
    """Hardware, versions and the command that runs."""
    device = jax.devices()[0]
    return {
        "cpu": _cpu_name(),
        "cores": len(_usable_cores()),
        "device": device.device_kind if device.platform != "cpu" else "cpu",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "command": " ".join(["python -m", _module_name(), *sys.argv[1:]]),
    }


def show(rate: Timing) -> str:
    return f"{rate['median']:12,.0f} steps/s  ({rate['low']:,.0f} to {rate['high']:,.0f})"


def _module_name() -> str:
    spec = sys.modules["__main__"].__spec__
    return spec.name if spec else Path(sys.argv[0]).name


def _usable_cores() -> Any:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
