"""Runs spread over devices and processes: the same numbers, the same checkpoints, little traffic."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from iam_jax import stored
from iam_jax.config import Config
from iam_jax.metrics import read_rows

SMALL = (
    "--num-envs 16 --num-steps 8 --fc 32 --hidden 16 --joint 16 --num-minibatches 4 --num-epochs 1 "
    "--burn-in 0 --eval-episodes 8 --final-episodes 8 --num-evaluations 2 --shuffle-groups 4"
)

pytestmark = pytest.mark.slow


def train(*arguments, devices=1):
    """A run that goes on while the test does."""
    return subprocess.Popen(
        [sys.executable, "-m", "iam_jax.train", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"},
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("four_devices")
    command = [sys.executable, "-m", "tests.iam_jax.four_devices", str(folder)]
    subprocess.run(command, check=True)
    states = pickle.loads((folder / "states.pickle").read_bytes())
    return states, json.loads((folder / "exchanged.json").read_text())


def assert_same_run(one, other):
    for name, x in one.items():
        y = other[name]
        if np.issubdtype(x.dtype, np.floating):
            np.testing.assert_allclose(x, y, rtol=0, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(x, y, err_msg=name)


def test_environments_begin_alike_on_every_number_of_devices(measured):
    states, _ = measured
    for name, x in states["fresh on 1"].items():
        np.testing.assert_array_equal(x, states["fresh on 4"][name], err_msg=name)


def test_parameters_do_not_depend_on_the_number_of_devices(measured):
    states, _ = measured
    assert_same_run(states["1"], states["4"])
    kernels = [name for name in states["1"] if name.startswith("params") and "kernel" in name]
    learnt = [np.abs(states["1"][name] - states["fresh on 1"][name]).max() for name in kernels]
    assert min(learnt) > 1e-3, "nothing was learnt, so nothing is shown"


def test_running_statistics_are_summed_over_devices(measured):
    states, _ = measured
    one = states["normalised on 1"]
    assert_same_run(one, states["normalised on 4"])
    statistics = [name for name in one if "statistics" in name or name.startswith("returns/moments")]
    assert len(statistics) == 6 and all(np.isfinite(one[name]).all() for name in statistics)
    assert one["returns/moments/count"] == 16 * 8 * 6, "every step is counted once"


@pytest.mark.parametrize("spread", ["on 4", "one by one on 2"])
def test_the_runs_of_a_sweep_spread_over_devices_are_the_same(measured, spread):
    states, _ = measured
    assert_same_run(states["sweep on 1"], states[f"sweep {spread}"])


@pytest.mark.parametrize("way", ["4 to 1", "1 to 4"])
def test_a_checkpoint_goes_on_with_another_number_of_devices(measured, way):
    states, _ = measured
    assert_same_run(states["1"], states[way])


def test_seeds_on_devices_of_their_own_equal_single_runs(measured):
    states, _ = measured
    assert_same_run(states["1"], {name: x[0] for name, x in states["two seeds"].items()})


def test_devices_exchange_gradients_and_statistics_and_no_observations(measured):
    states, exchanged = measured
    params = [x.shape for name, x in states["1"].items() if name.startswith("params")]
    known = {tuple(sorted(n for n in shape if n > 1)) for shape in [(), *params]}
    for kind, shape in exchanged["groups"]:
        assert kind == "all-reduce" and tuple(sorted(n for n in shape if n > 1)) in known, (kind, shape)
    observation = states["1"]["actor/obs"].shape[-1]
    sees = any(shape[-1:] == [observation] and len(shape) > 2 for _, shape in exchanged["no groups"])
    assert sees, "without groups observations move, and this test must see it"


def test_devices_with_seeds_of_their_own_exchange_nothing_but_metrics(measured):
    _, exchanged = measured
    assert {tuple(shape) for _, shape in exchanged["seeds"]} <= {(2, 1)}  # [S, updates per call]


ERRORS = {
    "more devices than there are": ("--devices 8", "--devices 8 is more than the 4 here"),
    "devices that do not divide": ("--devices 3", "--devices 3 must divide --num-envs 16:"),
    "devices that divide neither": (
        "--devices 3 --num-seeds 2",
        "--devices 3 must divide --num-envs 16 or --num-seeds 2:",
    ),
    "no devices": ("--devices 0", "--devices must be at least 1, not 0"),
    "groups that do not divide": ("--shuffle-groups 3", "--shuffle-groups 3 must divide --num-envs 16:"),
    "groups too small for the minibatches": (
        "--shuffle-groups 8",
        "--num-minibatches 4 must divide the 2 sequences of each of the --shuffle-groups 8:",
    ),
    "coordinator without a port": (
        "--coordinator localhost --num-processes 2 --process-id 0",
        "--coordinator must be HOST:PORT or auto, not 'localhost'.",
    ),
    "coordinator whose port cannot be": (
        "--coordinator localhost:99999 --num-processes 2 --process-id 0",
        "--coordinator must be HOST:PORT or auto, not 'localhost:99999'.",
    ),
    "coordinator alone": ("--coordinator localhost:1234", "needs --num-processes and --process-id"),
    "processes without a coordinator": ("--num-processes 2", "go with --coordinator HOST:PORT"),
    "process that is none": (
        "--coordinator localhost:1234 --num-processes 2 --process-id 2",
        "--process-id must be from 0 to 1 (--num-processes 2).",
    ),
    "nothing to detect": ("--coordinator auto", "--coordinator auto found no SLURM, Open MPI or TPU pod"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", ERRORS)
def test_bad_hardware_ends_in_one_sentence_and_status_2(case, tmp_path):
    arguments, sentence = ERRORS[case]
    process = train(*SMALL.split(), *arguments.split(), "--run-dir", tmp_path / "run", devices=4)
    output = "".join(process.communicate(timeout=120))
    assert process.returncode == 2 and sentence in plain(output), output
    assert "Traceback" not in output
    assert not (tmp_path / "run").exists(), "something was written"


def test_a_stored_config_does_not_ask_for_the_hardware_it_was_made_on():
    config = stored.from_json(stored.to_json(Config()))
    assert config == Config() and "hardware" not in stored.to_dict(config)


def plain(output):
    """What a command printed, on one line and without the boxes around it."""
    return " ".join(output.replace("│", " ").split())


def two_processes(*arguments):
    """Two runs that meet, each with its arguments."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    together = ["--coordinator", address, "--num-processes", 2, "--process-id"]
    return [train(*own, *together, number) for number, own in enumerate(arguments)]


@pytest.mark.slow
@pytest.mark.parametrize("receiver", [0, 1])
def test_two_processes_train_stop_together_and_one_goes_on(receiver, tmp_path):
    folder, whole = tmp_path / "two", tmp_path / "whole"
    run = [*SMALL.split(), "--total-steps", 100 * 16 * 8, "--run-dir"]
    processes = two_processes([*run, folder], [*run, folder])
    deadline = time.monotonic() + 240
    while len(read_rows(folder / "metrics.jsonl")) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    processes[receiver].send_signal(signal.SIGTERM)
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [128 + signal.SIGTERM] * 2, outputs
    assert " on 2 x " in outputs[0][0] and "Compiled" not in outputs[1][0], "the first process alone prints"
    stopped_at = read_rows(folder / "metrics.jsonl")[-1]["update"]
    assert max(int(f.name) for f in (folder / "checkpoints").iterdir() if f.name.isdigit()) == stopped_at
    assert stopped_at < 100, "the run ended before it could be stopped"

    for alone in (train("--resume", folder), train(*run, whole)):
        output = alone.communicate(timeout=240)
        assert alone.returncode == 0, output
    updates = [row["update"] for row in read_rows(folder / "metrics.jsonl")]
    assert updates == list(range(1, 101)), "rows are missing or doubled"
    for ours, theirs in zip(*(read_rows(f / "metrics.jsonl") for f in (folder, whole)), strict=True):
        assert ours["params_norm"] == pytest.approx(theirs["params_norm"], abs=1e-4)


@pytest.mark.slow
def test_processes_with_different_options_are_refused(tmp_path):
    run = [*SMALL.split(), "--total-steps", 12800, "--run-dir", tmp_path / "run"]
    for process in two_processes(run, [*run, "--seed", 1]):
        output = "".join(process.communicate(timeout=240))
        assert process.returncode == 2 and "must be started with the same options" in output, output
    assert not (tmp_path / "run").exists(), "something was written"
