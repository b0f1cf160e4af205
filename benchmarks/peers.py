"""Training beside two peers at equal work: ``python -m benchmarks.peers``.

All but memorax train the same network, and all the same batches: layers of 128, a GRU of 128, a layer of 128
each for policy and value (ours: one of 256 for both), rollouts of 128 steps, 4 epochs of 4 minibatches of
whole sequences. They take turns; one turn is one update, and a step is counted once.

- *iam_jax*, in float32 and with ``--dtype auto``.
- *purejaxrl-style*: `benchmarks.purejaxrl_style`, the same in one file and with nothing hoisted.
- *memorax*: separate networks for policy and value, as it has them, without the layer behind the memory.
  Needs ``--memorax PYTHON``, an
  interpreter that it is installed for (``pip install memorax``, 1.0.1 here).
"""

import argparse
import contextlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnax
import jax
import matplotlib.pyplot as plt
import numpy as np

import envs_jax
from benchmarks import purejaxrl_style
from benchmarks.compare import iam_jax
from benchmarks.timing import check_counts, in_turns, show, spread, write
from iam_jax.train import parse

OURS = (
    "--model rnn --fc 128 --hidden 128 --joint 256 --num-steps 128 --bptt-length 128 "
    "--num-epochs 4 --num-minibatches 4"
)
ENVS = ("CartPole-v1", "warehouse")
Call = Callable[[], Any]


def ours(env: str, num_envs: int, dtype: str) -> Call:
    return iam_jax(parse(f"--env {env} {OURS} --num-envs {num_envs} --dtype {dtype}".split()))


def purejaxrl(env: str, num_envs: int) -> Call:
    found = envs_jax.make(env) if env == "warehouse" else gymnax.make(env)
    init, update = purejaxrl_style.make(*found, num_envs)
    program, runner = jax.jit(update), jax.jit(init)(jax.random.key(0))

    def call() -> None:
        nonlocal runner
        runner, reward = program(runner)
        jax.block_until_ready(reward)

    return call


def memorax(python: str, env: str, num_envs: int, stack: contextlib.ExitStack) -> Call:
    """A process of its own, asked for one update after the other.

    Raises:
      RuntimeError: It ended; what it said is on the terminal.
    """
    script = Path(__file__).parent / "memorax_loop.py"
    process = stack.enter_context(
        subprocess.Popen(
            [python, script, env, str(num_envs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    )
    stack.callback(process.kill)
    assert process.stdin and process.stdout
    lines_in, lines_out = process.stdin, process.stdout

    def expect(word: str) -> None:
        if lines_out.readline().strip() != word:
            raise RuntimeError(f"{python} {script} ended.")

    expect("ready")

    def call() -> None:
        lines_in.write("\n")
        lines_in.flush()
        expect("done")

    return call


def draw(rows: list[dict[str, Any]], file: Path) -> None:
    """Steps per second as bars, a panel for each environment and a group for each number of them."""
    figure, panels = plt.subplots(1, len(ENVS), figsize=(9, 3.4), layout="constrained", sharey=True)
    loops = list(dict.fromkeys(row["loop"] for row in rows))
    numbers = sorted({row["num_envs"] for row in rows})
    width = 0.8 / len(loops)
    for axes, env in zip(panels, ENVS, strict=True):
        for i, loop in enumerate(loops):
            found = {row["num_envs"]: row for row in rows if (row["env"], row["loop"]) == (env, loop)}
            rates = [found[n]["steps_per_second"] for n in numbers if n in found]
            x = np.arange(len(rates)) + (i - (len(loops) - 1) / 2) * width
            medians = np.array([rate["median"] for rate in rates]) / 1000
            errors = [
                medians - [rate["low"] / 1000 for rate in rates],
                [rate["high"] / 1000 for rate in rates] - medians,
            ]
            axes.bar(x, medians, width, yerr=errors, label=loop, error_kw={"lw": 0.8})
        axes.set_xticks(range(len(numbers)), [f"{n:,} environments" for n in numbers])
        axes.set_title(env)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("thousand steps/s")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(loops), fontsize=9, frameon=False)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--envs", nargs="+", choices=ENVS, default=list(ENVS))
    parser.add_argument("--num-envs", type=int, nargs="+", default=[16, 256, 4096])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--memorax", metavar="PYTHON", help="an interpreter that memorax is installed for")
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    parser.add_argument("--picture", type=Path, help="file for a figure")
    options = parser.parse_args()
    check_counts(parser, *options.num_envs, options.turns)
    rows: list[dict[str, Any]] = []
    for env in options.envs:
        for number in options.num_envs:
            with contextlib.ExitStack() as stack:
                calls = {
                    "iam_jax": ours(env, number, "float32"),
                    "iam_jax, --dtype auto": ours(env, number, "auto"),
                    "purejaxrl-style": purejaxrl(env, number),
                }
                if options.memorax:
                    try:
                        calls["memorax"] = memorax(options.memorax, env, number, stack)
                    except (OSError, RuntimeError) as error:
                        parser.error(f"--memorax {options.memorax} does not run memorax ({error})")
                seconds = in_turns(calls, options.turns)
            rows += _rows(env, number, {name: np.array(values) for name, values in seconds.items()})
            jax.clear_caches()
            write(options.output, rows=rows)
    if options.picture:
        draw(rows, options.picture)


def _rows(env: str, number: int, seconds: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Rates, and how much slower each is than ours, turn by turn; printed as well."""
    rows, steps = [], number * purejaxrl_style.NUM_STEPS
    for name, values in seconds.items():
        rate = spread(list(steps / values))
        slower = {
            loop: spread(list(values / seconds[loop])) for loop in seconds if loop.startswith("iam_jax")
        }
        rows.append(
            {"env": env, "num_envs": number, "loop": name, "steps_per_second": rate, "slower than": slower}
        )
        ratios = ", ".join(f"{x['median']:.2f}" for x in slower.values())
        print(
            f"{env:12} {number:5} environments  {name:22} {show(rate)}  slower than ours by {ratios}",
            flush=True,
        )
    return rows


if __name__ == "__main__":
    main()
