"""``python -m iam_torch_ref.parity``: every check, its largest difference, what is allowed."""

import argparse
import os
import platform
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

# Both sides compute a product of float32 matrices in float32, also on a GPU that would round to TF32.
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")

import jax
import torch

from iam_torch_ref import bridge
from iam_torch_ref.cli import check_device, exit_on_error
from iam_torch_ref.config import ConfigError
from iam_torch_ref.parity import checks, learning
from iam_torch_ref.parity.cases import CASES, GRADIENT_TOLERANCE, TOLERANCE, Pair


class Row(NamedTuple):
    """One line of the table: ``difference`` is relative to the largest value, or a count."""

    check: str
    precision: str
    difference: float
    tolerance: float


def model_rows(dtype: str, device: str, tolerance: float) -> Iterator[Row]:
    """Model, gradients, advantages and optimiser; the largest difference over all cases."""
    pairs = [Pair(case, dtype, device) for case in CASES]
    count = f"{len(CASES)} models"
    yield Row(f"forward, {count}", dtype, max(map(checks.forward, pairs)), tolerance)
    for clip_value, normalise in ((False, True), (True, False)):
        name = "clipped value" if clip_value else "normalised advantage"
        apart = max(
            checks.gradients(pair, clip_value=clip_value, normalise_advantage=normalise) for pair in pairs
        )
        allowed = max(tolerance, GRADIENT_TOLERANCE[dtype])
        yield Row(f"gradient of the loss ({name}), {count}", dtype, apart, allowed)
    apart = max(checks.advantages(dtype, device, horizon=horizon) for horizon in (None, 8))
    yield Row("advantages, with and without a horizon", dtype, apart, tolerance)
    normalised = [pair for pair in pairs if pair.case.normalise]
    apart = max(map(checks.statistics, normalised))
    yield Row(f"running statistics, {len(normalised)} models", dtype, apart, tolerance)
    feedforward = [pair for pair in pairs if pair.case.architecture == "fnn"]
    apart = max(map(checks.entropies, feedforward))
    yield Row("entropies, log-probabilities and actions of every policy", dtype, apart, tolerance)
    apart = max(checks.optimiser(pair) for pair in pairs)
    yield Row(f"5 steps of Adam on given gradients, {count}", dtype, apart, tolerance)


def trajectory_rows() -> Iterator[Row]:
    """Whole training runs."""
    for name, run in learning.RUNS.items():
        acting, parameters = learning.trajectory(run)
        yield Row(f"{name}: rollouts acted again", "float64", acting, learning.TOLERANCE)
        yield Row(f"{name}: parameters after 600 steps", "float64", parameters, learning.TOLERANCE)


def agent_rows(agent: learning.Trained, device: str) -> Iterator[Row]:
    """A trained agent on both sides."""
    number = agent.first.size
    for dtype in ("float64", "float32"):
        differ, apart = learning.greedy_actions(agent, dtype, device)
        yield Row(f"logits on {number} observations of a trained agent", dtype, apart, TOLERANCE[dtype])
        yield Row(f"greedy actions that differ, of {number}", dtype, differ, 0)
    apart, ours, theirs = learning.returns(agent)
    label = f"returns of {len(ours)} episodes (means {ours.mean():.4f} and {theirs.mean():.4f})"
    yield Row(label, "float64", apart, 0)


def tf32_rows(device: str) -> Iterator[Row]:
    """Model and gradients where both sides may round to TF32 (10 bits): no parity, a statement."""
    jax.config.update("jax_default_matmul_precision", "tensorfloat32")
    torch.backends.cuda.matmul.allow_tf32 = True
    for row in model_rows("float32", device, 3e-2):
        yield row._replace(precision="TF32")


def trained_agent(checkpoint: str | None) -> learning.Trained:
    """The agent of a run, or one trained for some seconds.

    Raises:
      ConfigError: There is no such run.
    """
    if checkpoint is None:
        return learning.train_briefly()
    params, _, run = bridge.read_run(checkpoint, "best", None)
    return learning.record(bridge.to_config(run), params)


def show(rows: Iterator[Row]) -> bool:
    """Prints a Markdown table as it grows; whether everything passed."""
    print("| check | precision | largest difference | allowed | |\n|---|---|---|---|---|", flush=True)
    passed = True
    for row in rows:
        good = row.difference <= row.tolerance
        passed &= good
        print(
            f"| {row.check} | {row.precision} | {row.difference:.2g} | {row.tolerance:.2g} | "
            f"{'pass' if good else 'FAIL'} |",
            flush=True,
        )
    return passed


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m iam_torch_ref.parity", description=__doc__)
    parser.add_argument("--device", default="cpu", help="of PyTorch: cpu or cuda; JAX takes its default")
    parser.add_argument("--tf32", action="store_true", help="also say how far apart TF32 is")
    parser.add_argument("--checkpoint", metavar="RUN", help="compare this run's agent")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # for models this small, threads only wait for each other
    exit_on_error(partial(_compare, options))


def _compare(options: argparse.Namespace) -> int:
    check_device(options.device)
    if options.tf32 and not options.device.startswith("cuda"):
        raise ConfigError("--tf32 needs --device cuda: only GPUs round to TF32.")
    agent = trained_agent(options.checkpoint)
    is_cuda = options.device.startswith("cuda")
    where = torch.cuda.get_device_name(options.device) if is_cuda else options.device
    print(
        f"Python {platform.python_version()}, jax {jax.__version__} on {jax.devices()[0].device_kind}, "
        f"torch {torch.__version__} on {where}\n"
    )

    def rows() -> Iterator[Row]:
        for dtype, tolerance in TOLERANCE.items():
            yield from model_rows(dtype, options.device, tolerance)
        yield from trajectory_rows()
        yield from agent_rows(agent, options.device)
        if options.tf32:
            yield from tf32_rows(options.device)

    return 0 if show(rows()) else 1


if __name__ == "__main__":
    main()
