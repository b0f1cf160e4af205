"""Seconds from the command to a mean return: ``python -m benchmarks.time_to_return``.

Starts ``python -m iam_jax.train`` in a process of its own, with the options that follow, and reads its
``metrics.jsonl`` as it grows. The clock runs from the start of the process, so that imports and compilation
count; the compilation cache is empty (or, with ``--warm``, filled by a start before). A target counts as
reached when the episodes that ended between two looks of the program, hundreds of them, reach it on
average; they are those of the policy that explores and learns.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.timing import check_counts, spread, write

POLL_SECONDS = 0.02


def measure(arguments: list[str], targets: list[float], cache: Path, folder: Path) -> dict[str, Any]:
    """Seconds to the first row and to each target, and the steps that it took; nan where never reached."""
    environ = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "iam_jax.train", *arguments, "--run-dir", str(folder)]
    metrics, read = folder / "metrics.jsonl", 0
    result: dict[str, Any] = {"targets": {}}
    began = time.perf_counter()
    with (folder.parent / "output.txt").open("w") as output:
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                lines = metrics.read_text().split("\n")[:-1] if metrics.exists() else []
                seconds = time.perf_counter() - began
                for row in map(json.loads, lines[read:]):
                    result.setdefault("first", seconds)
                    for target in targets:
                        if (row.get("episode_return") or 0) >= target and target not in result["targets"]:
                            result["targets"][target] = {"seconds": seconds, "steps": row["step"]}
                read = len(lines)
                if lines and len(result["targets"]) == len(targets):
                    break
        finally:
            process.kill()
            process.wait()
    if read == 0:
        sys.exit(f"The run wrote no metrics:\n{(folder.parent / 'output.txt').read_text()}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.time_to_return",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--targets", type=float, nargs="*", default=[38, 41, 45])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--warm", action="store_true", help="time a second start, with a filled cache")
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options, rest = parser.parse_known_args()
    check_counts(parser, options.seeds)
    results = []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as place:
            folder, cache = Path(place), Path(place) / "cache"
            arguments = ["--seed", str(seed), *rest]
            if options.warm:
                measure(arguments, [], cache, folder / "first")
            results.append(measure(arguments, options.targets, cache, folder / "run"))
        reached = [f"{t:g} after {x['seconds']:.1f} s" for t, x in results[-1]["targets"].items()]
        first = f"first row after {results[-1]['first']:.1f} s"
        print(f"seed {seed}: {', '.join([first, *reached])}", flush=True)
    summary: dict[str, Any] = {"first": spread([r["first"] for r in results])}
    for target in options.targets:
        times = [r["targets"][target]["seconds"] for r in results if target in r["targets"]]
        if times:
            summary[f"{target:g}"] = spread(times) | {"seeds": len(times)}
            print(f"{target:g}: median {spread(times)['median']:.1f} s, {len(times)} of {len(results)} seeds")
    write(options.output, seconds=summary, runs=results)


if __name__ == "__main__":
    main()
