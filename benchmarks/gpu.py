"""Everything that has to be measured on a GPU, in ten minutes: ``python -m benchmarks.gpu``.

Runs the benchmarks one after the other, what matters most first, each with a limit of its own, and writes
their JSON and what they print to a folder named after the device. What does not end in time is stopped and
named; the others go on. ``--dry-run`` only prints the commands.
"""

import argparse
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEGACY = "--env-args legacy_removal=true"
LEARNERS = {
    "fast": "",
    "32x1": "--num-minibatches 32 --learning-rate 3e-3",
    "8x2": "--num-minibatches 8 --num-epochs 2 --learning-rate 3e-3",
    "8x4": "--num-minibatches 8 --num-epochs 4 --learning-rate 3e-3",
    "4x4": "--num-minibatches 4 --num-epochs 4 --learning-rate 4e-3",
}
"""Fewer and larger minibatches for the main command: a card waits for launches (docs/benchmarks.md)."""


@dataclass(frozen=True)
class Job:
    """One command.

    Attributes:
      name: Of its files.
      command: Behind ``python -m``.
      limit: Seconds that it may take.
    """

    name: str
    command: str
    limit: int


def jobs() -> list[Job]:
    """What matters most first; their limits add up to ten minutes."""
    found = [
        Job(f"time_{name}", f"benchmarks.time_to_return --targets 44.9 --seeds 1 {LEGACY} {options}", 45)
        for name, options in LEARNERS.items()
    ]
    throughput = "benchmarks.train_throughput --models iam:manual --repeats 3"
    found += [
        Job(f"train_{name}", f"{throughput} --num-envs 4096 {options}", 25)
        for name, options in LEARNERS.items()
    ]
    found += [
        Job(f"train_wide_{dtype}", f"{throughput} --num-envs 131072 --num-minibatches 8 --dtype {dtype}", 25)
        for dtype in ("float32", "bfloat16")
    ]
    found += [
        Job(f"runs_{number}", f"benchmarks.sweep --turns 1 --num-envs 64 --num-seeds {number}", 20)
        for number in (16, 256)
    ]
    found += [
        Job("recurrences", "benchmarks.recurrences --turns 3", 70),
        Job("hot_path", "benchmarks.hot_path --turns 3", 40),
    ]
    return found


def run(job: Job, folder: Path) -> str:
    """Runs a command; what became of it, in a few words."""
    command = [sys.executable, "-m", *shlex.split(job.command), "--output", str(folder / f"{job.name}.json")]
    began = time.monotonic()
    with (folder / f"{job.name}.txt").open("w") as output:
        try:
            ended = subprocess.run(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, timeout=job.limit, check=False
            )
        except subprocess.TimeoutExpired:
            return f"stopped after {job.limit} s"
    status = "done" if ended.returncode == 0 else f"failed, see {output.name},"
    return f"{status} in {time.monotonic() - began:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--results", type=Path, help="by default benchmarks/results/DEVICE")
    parser.add_argument("--only", nargs="+", choices=[job.name for job in jobs()], metavar="JOB")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and run nothing")
    options = parser.parse_args()
    chosen = [job for job in jobs() if options.only is None or job.name in options.only]
    if options.dry_run:
        for job in chosen:
            print(f"python -m {job.command}  # {job.limit} s at most")
        return
    folder = options.results or ROOT / "benchmarks" / "results" / _device()
    folder.mkdir(parents=True, exist_ok=True)
    for job in chosen:
        print(f"{job.name:16} {run(job, folder)}", flush=True)


def _device() -> str:
    """The device's name as that of a folder; asked in a process that ends, and leaves its memory free."""
    code = "import jax; print(jax.devices()[0].device_kind)"
    kind = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return "-".join(kind.lower().split())


if __name__ == "__main__":
    main()
