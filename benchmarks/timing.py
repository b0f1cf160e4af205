"""How everything here is timed, and on what."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

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
    return spread(rates)


def spread(values: list[float]) -> Timing:
    """Median, lowest and highest."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def in_turns(calls: dict[Any, Callable[[], Any]], turns: int) -> dict[Any, list[float]]:
    """Seconds of every call in each turn, so that whatever else the machine does falls on all alike.

    Args:
      calls: Each returns when it is done. A first turn, in which they may compile, is not timed.
      turns: Timed calls of each.
    """
    seconds: dict[Any, list[float]] = {name: [] for name in calls}
    for turn in range(turns + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def matmul_rate(repeats: int = 15) -> Timing:
    """FLOP per second of a float32 product of two square matrices: the machine's roof."""
    size = 2048 if jax.default_backend() == "cpu" else 8192
    x = jax.random.normal(jax.random.key(0), (size, size))
    return median_rate(partial(jax.jit(jnp.matmul), x, x), 2 * size**3, repeats)


def check_counts(parser: argparse.ArgumentParser, *counts: int) -> None:
    """Ends the program unless all are at least 1."""
    if min(counts) < 1:
        parser.error("numbers of environments, repeats and so on must be at least 1")


def write(output: Path | None, **results: Any) -> None:
    """Results and the machine they were measured on, as JSON; nothing without a file."""
    if output:
        output.write_text(json.dumps(machine() | results, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """Hardware, versions, revision and the command that runs."""
    device = jax.devices()[0]
    return {
        "cpu": _cpu_name(),
        "cores": len(_usable_cores()),
        "device": device.device_kind if device.platform != "cpu" else "cpu",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "revision": _revision(),
        "command": " ".join(["python -m", _module_name(), *sys.argv[1:]]),
    }


def show(rate: Timing) -> str:
    return f"{rate['median']:12,.0f} steps/s  ({rate['low']:,.0f} to {rate['high']:,.0f})"


def _module_name() -> str:
    spec = sys.modules["__main__"].__spec__
    return spec.name.removesuffix(".__main__") if spec else Path(sys.argv[0]).name


def _revision() -> str:
    """Of this code in git, with a + where it has been changed since."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _usable_cores() -> Any:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
