"""Benchmarks must count right and refuse what cannot be measured. What they measure is no test's business."""

import json
import re
import subprocess
import sys

import jax
import numpy as np
import pytest
from selection import quick_if

from benchmarks import gpu, memories, presets
from benchmarks.hot_path import VARIANTS
from benchmarks.train_throughput import flop_per_step, with_envs
from iam_jax.build import make_learner
from iam_jax.model_config import CELLS
from iam_jax.presets import TABLE, family, preset
from iam_jax.train import parse

WAREHOUSE, ACTIONS = 73, 4


def run(*command):
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)


def test_flop_of_a_step_are_those_of_its_matrix_products():
    learner = make_learner(parse(["--model", "fnn", "--fc", "512", "256", "--num-epochs", "3"]))
    first, others = WAREHOUSE * 512, 512 * 256 + 256 * (ACTIONS + 1)
    acting, gradient = 2 * (first + others), 2 * (2 * first + 3 * others)
    wanted = acting * (1 + 1 / 8) + 3 * gradient
    assert wanted < flop_per_step(learner) < 1.03 * wanted  # and a few for biases, activations and loss


@pytest.mark.slow
def test_flop_of_a_memory_do_not_depend_on_how_time_is_scanned():
    """XLA counts the body of a loop once, however often it runs."""
    short, long = (
        make_learner(parse(f"--num-envs 64 --num-minibatches 2 --bptt-length {n}".split())) for n in (1, 8)
    )
    assert flop_per_step(short) == pytest.approx(flop_per_step(long), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("options", ["", "--cell lstm", "--d-set dynamic", "--preset paper --num-envs 64"])
def test_kernel_gradient_summed_in_the_scan_is_the_same_gradient(options):
    config = parse(f"--num-envs 64 --num-minibatches 2 {options}".split())

    def learnt():
        jax.clear_caches()
        learner = make_learner(config)
        state = jax.jit(learner.init)(jax.random.key(0))
        return jax.jit(learner.update)(state)[0].params

    wanted = learnt()
    with VARIANTS["gradient of the recurrent kernel summed in the scan"]():
        found = learnt()
    jax.clear_caches()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6), wanted, found)


def test_what_is_measured_on_a_gpu_can_be_run_and_ends_in_ten_minutes():
    """A lent card must not meet an option that is refused."""
    assert sum(job.limit for job in gpu.jobs()) <= 600
    for name, options in gpu.LEARNERS.items():
        config = parse(f"--num-envs 4096 {gpu.LEGACY} {options}".split())
        assert config.ppo.num_epochs * config.ppo.minibatches <= 32 or name == "fast"
    for job in gpu.jobs():
        module, *options = job.command.split()
        source = (gpu.ROOT / f"{module.replace('.', '/')}.py").read_text()
        own = [option for option in options if f'"{option}"' in source]
        rest = " ".join(options)
        for option in own:
            rest = re.sub(rf"{option}( [^-]\S*)*", "", rest)
        parse(rest.split())


def test_a_job_that_takes_too_long_is_stopped_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "ROOT", tmp_path)
    (tmp_path / "sleeps.py").write_text("import time; time.sleep(60)")
    assert gpu.run(gpu.Job("slow", "sleeps", 1), tmp_path) == "stopped after 1 s"
    assert gpu.run(gpu.Job("wrong", "nothing", 10), tmp_path).startswith("failed, see ")


def test_what_is_left_in_a_memory_fades_and_a_window_ends():
    left = {cell: memories.apart(cell, hidden=8, steps=48) for cell in ("gru", "gtrxl")}
    assert left["gru"].shape == (48, 8) and (left["gru"][0] > left["gru"][40]).all()
    assert left["gtrxl"][31].min() > 0 == left["gtrxl"][32:].max()
    assert memories.steps_to_a_tenth(np.array([[1.0], [0.5], [0.09], [0.0]])) == 2
    assert memories.steps_to_a_tenth(np.ones((4, 1))) is None


def test_every_family_of_presets_has_a_row_that_can_be_compiled():
    families = {family(env) for env, _ in presets.cases()}
    assert families | set(presets.OUTSIDE) == set(TABLE)
    for env, name in presets.cases():
        parse(["--env", env, "--preset", name])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "name"), quick_if(lambda *case: False, presets.cases(), in_ci=lambda env, _: "mini" in env)
)
def test_no_preset_needs_more_memory_than_a_laptop_has(env, name):
    row = presets.measure(["--env", env, "--preset", name])
    learner = make_learner(parse(["--env", env, "--preset", name]))
    state = jax.eval_shape(learner.init, jax.random.key(0))
    held = sum(x.size for x in jax.tree.leaves((state.params, state.opt_state))) * 4
    assert held < row["bytes"] < presets.LIMIT


def test_minibatches_stay_as_large_with_other_numbers_of_environments():
    config = preset("warehouse", "fast", "iam")
    size = config.ppo.num_envs / config.ppo.minibatches
    for num_envs in (64, 1024, 16384):
        ppo = with_envs(config, num_envs).ppo
        assert ppo.num_envs / ppo.minibatches == size


@pytest.mark.parametrize(
    "command",
    [
        ("benchmarks.env_throughput", "--envs", "warehose"),
        ("benchmarks.env_throughput", "--num-envs", "0"),
        ("benchmarks.train_throughput", "--models", "iam", "--num-minibatches", "3"),
        ("benchmarks.hot_path", "--bptt-length", "3"),
        ("benchmarks.hot_path", "--only", "products in bfloat17"),
        ("benchmarks.peers", "--num-envs", "16", "--turns", "0"),
        ("benchmarks.products", "--rows", "0"),
        ("benchmarks.gpu", "--only", "everything"),
        ("benchmarks.compare", "--turns", "0"),
        ("benchmarks.popgym_throughput", "--turns", "0"),
        ("benchmarks.popgym_throughput", "--envs", "popgym-chess-easy"),
    ],
)
@pytest.mark.slow
def test_what_cannot_be_measured_ends_in_a_sentence(command):
    result = run(*command)
    assert result.returncode == 2 and "Traceback" not in result.stderr and "error:" in result.stderr


@pytest.mark.slow
def test_environments_are_measured_and_recorded(tmp_path):
    file = tmp_path / "results.json"
    result = run(
        *("benchmarks.env_throughput", "--envs", "mini-warehouse", "--num-envs", "1", "2"),
        *("--repeats", "1", "--output", str(file)),
    )
    assert result.returncode == 0, result.stderr
    recorded = json.loads(file.read_text())
    assert [row["num_envs"] for row in recorded["rows"]] == [1, 2] and "benchmarks.env" in recorded["command"]


@pytest.mark.slow
def test_time_to_a_return_is_that_of_a_run_of_its_own(tmp_path):
    file = tmp_path / "results.json"
    options = "--env mini-warehouse --num-envs 64 --num-minibatches 4 --total-steps 20000 --fc 8 --hidden 4"
    result = run(
        *("benchmarks.time_to_return", "--targets", "0", "1000", "--seeds", "1", "--output", str(file)),
        *options.split(),
    )
    assert result.returncode == 0, result.stderr
    seconds = json.loads(file.read_text())["seconds"]
    assert 0 < seconds["first"]["median"] <= seconds["0"]["median"] and "1000" not in seconds


@pytest.mark.slow
def test_all_contestants_take_turns_and_are_compared_with_ours(tmp_path):
    pytest.importorskip("torch")
    file = tmp_path / "results.json"
    options = ("--num-envs", "8", "--most", "32", "--turns", "1", "--output", str(file))
    result = run("benchmarks.compare", *options)
    assert result.returncode == 0, result.stderr
    rows = {row["loop"]: row for row in json.loads(file.read_text())["rows"]}
    assert rows["iam_torch_ref"]["iam_jax is faster by"]["median"] > 0
    for original, port in (("SUMO", "traffic"), ("ale:Pong", "pong")):
        compared = f"{port} is faster by" in rows.get(original, ())
        assert compared != (f"Without {original}" in result.stdout)


@pytest.mark.slow
def test_a_sweep_is_timed_beside_its_runs_alone(tmp_path):
    small = "--num-envs 8 --num-steps 8 --bptt-length 8 --num-minibatches 1 --fc 8 --hidden 8 --burn-in 0"
    sweep = "--env mini-warehouse --sweep learning-rate=1e-3,2e-3 --updates 2 --turns 1"
    file = tmp_path / "sweep.json"
    done = run("benchmarks.sweep", *sweep.split(), *small.split(), "--output", str(file))
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert (result["runs"], result["steps"]) == (2, 2 * 2 * 64)
    assert set(result["training_seconds"]) == {"together", "alone"}
    assert run("benchmarks.sweep", "--env", "mini-warehouse").returncode == 2


@pytest.mark.slow
def test_every_sequence_model_is_timed(tmp_path):
    file = tmp_path / "recurrences.json"
    done = run(
        "benchmarks.recurrences",
        *["--lengths", "2", "4", "--steps", "16", "--hidden", "8", "--turns", "1"],
        "--output",
        str(file),
    )
    assert done.returncode == 0, done.stderr
    times = json.loads(file.read_text())["milliseconds"]
    assert set(times) == set(CELLS) and set(times["lru"]["training"]) == {"2", "4"}
    assert run("benchmarks.recurrences", "--lengths", "3", "--steps", "16").returncode == 2


@pytest.mark.slow
def test_popgym_is_timed_beside_the_package(tmp_path):
    pytest.importorskip("popgym", reason="popgym is not installed (pip install -e '.[popgym]')")
    file = tmp_path / "rates.json"
    name = "popgym-repeat-first-easy"
    result = run(
        *("benchmarks.popgym_throughput", "--envs", name, "--num-envs", "4", "--turns", "2"),
        *("--output", str(file)),
    )
    assert result.returncode == 0, result.stderr
    (row,) = json.loads(file.read_text())["rows"]
    assert row["env"] == name and set(row["steps_per_second"]) == {"package", "4"}
    assert all(rate["low"] > 0 for rate in row["steps_per_second"].values())
