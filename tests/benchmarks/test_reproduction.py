"""The reproduction: its statistics, its faults, and (slow) every path of it, small."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reproduction import document, selection
from benchmarks.reproduction.experiments import EXPERIMENTS
from benchmarks.reproduction.faults import FAULTS, put_back
from benchmarks.reproduction.probes import canonical_correlations, score, stacked
from benchmarks.reproduction.statistics import improvement, interval, iqm, steps_until
from benchmarks.reproduction.training import RESULTS, _consecutive, load
from iam_jax.build import make_learner
from iam_jax.ppo.loss import Batch
from iam_jax.train import parse

seeds_scores = st.lists(st.floats(-100, 100), min_size=2, max_size=12).map(np.array)


def test_interquartile_mean_leaves_out_the_outer_quarters():
    assert iqm(np.array([-1000.0, 1, 2, 3, 4, 5, 6, 1000])) == 3.5


@given(seeds_scores)
def test_interval_lies_within_the_scores_and_around_their_middle(scores):
    low, high = interval(scores)
    assert (
        scores.min() - 1e-9 <= low <= iqm(scores) + 1e-9 and iqm(scores) - 1e-9 <= high <= scores.max() + 1e-9
    )


@given(seeds_scores, seeds_scores)
def test_probabilities_of_improvement_of_two_methods_add_up_to_one(a, b):
    assert improvement(a, b)[0] + improvement(b, a)[0] == pytest.approx(1)


def test_one_method_that_always_wins_improves_for_certain():
    assert improvement(np.array([3.0, 4]), np.array([1.0, 2])) == (1, 1, 1)


@pytest.mark.slow
def test_every_method_is_a_run_that_can_be_trained():
    for what in EXPERIMENTS.values():
        assert what.baseline in what.methods
        # Hundreds of methods differ in little but the task: one in seven of them tells.
        for method in list(what.methods.values())[:: 7 if len(what.methods) > 50 else 1]:
            assert method.fault is None or method.fault in FAULTS
            make_learner(parse(f"{what.options} {method.options}".split()))


@pytest.mark.parametrize(
    ("experiment", "wider"),
    [
        ("warehouse", ["fnn-stack"]),
        ("traffic", ["fnn-stack"]),
        ("warehouse-cells", []),
        ("traffic-cells", []),
    ],
)
@pytest.mark.slow
def test_matched_networks_have_as_many_parameters(experiment, wider):
    """Stacked frames need a wider first layer; the document states how much."""
    what, sizes = EXPERIMENTS[experiment], {}
    for name, method in what.methods.items():
        sizes[name] = selection.count(f"{what.options} {method.options}")
    for name in wider:
        del sizes[name]
    assert max(sizes.values()) < 1.07 * min(sizes.values())


@pytest.mark.slow
def test_agents_of_the_study_of_selection_have_as_many_parameters_at_each_point():
    for point in selection.points()[::4]:
        methods = [f"{point.name}-{agent}" for agent in selection.AGENTS]
        sizes = [selection.count(EXPERIMENTS["selection"].methods[name].options) for name in methods]
        assert max(sizes) < 1.02 * min(sizes), point.name


def faulty_batch(fault):
    """With one episode that ends in the middle of a sequence: [C, L, B] = [1, 4, 1]."""
    learner = make_learner(parse(["--preset", "paper", "--num-envs", "2", "--num-steps", "16"]))
    state = jax.jit(learner.init)(jax.random.key(0))
    _, rollout = jax.jit(learner.collect)(state.params, state.actor, jax.random.key(1))
    ended = jnp.zeros((2, 8, 2), bool).at[0, 3, 1].set(True)
    first = jnp.zeros((2, 8, 2), bool).at[0, 4, 1].set(True).at[0, 0].set(True)
    transitions = rollout.transitions.replace(first=first, truncated=ended)
    with put_back(fault):
        return learner._batch(rollout.replace(transitions=transitions))


@pytest.mark.slow
def test_corrected_learner_clears_the_memory_and_learns_from_every_step():
    batch = faulty_batch(None)
    assert isinstance(batch, Batch) and batch.valid is None and int(batch.first.sum()) == 3


def test_fault_no_reset_carries_the_memory_into_the_next_episode():
    first = faulty_batch("no-reset").first
    assert int(first.sum()) == 2 and first[0, 0].all()  # at the start of a sequence it stays


def test_fault_dropped_last_learns_from_all_but_the_last_step():
    valid = faulty_batch("dropped-last").valid
    assert int((~valid).sum()) == 1 and not valid[0, 3, 1]


def test_steps_to_a_level_are_of_the_median_seed_and_infinite_where_most_never_get_there():
    steps, returns = np.array([10, 20, 30]), np.array([[0, 1, 1], [0, 0, 1], [1, 0, 0]])
    assert steps_until(1, steps, returns) == 20
    assert steps_until(1, steps, np.array([[0, 0, 0], [0, 0, 0], [1, 1, 1]])) == np.inf


def test_seeds_that_are_there_are_not_trained_again():
    assert _consecutive([0, 1, 4, 6, 7, 8]) == [(0, 2), (4, 1), (6, 3)]
    assert _consecutive([]) == []


def test_a_probe_finds_what_is_linear_and_nothing_in_noise():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 20, 100, 5))
    y, counts = x @ rng.normal(size=(5, 3)) + 1, np.ones((20, 100, 3), bool)
    assert score("", x, y, counts) > 0.999
    assert abs(score("", noise, y, counts)) < 0.05
    light = np.eye(3)[y.argmax(-1)]
    assert score("guesses", x, light, counts) > 0.8 > 0.6 > score("guesses", noise, light, counts)


def test_canonical_correlation_sees_through_linear_maps():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 5000, 4))
    assert canonical_correlations(x, x @ rng.normal(size=(4, 4))).min() > 0.999
    assert canonical_correlations(x, noise).max() < 0.1


def test_history_is_what_was_seen_and_not_what_will_be():
    obs = np.arange(1, 5.0).reshape(4, 1, 1)
    assert stacked(obs, 3)[:, 0].tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]


@pytest.mark.parametrize("page", document.PAGES)
def test_documents_show_the_recorded_results(page):
    """`python -m benchmarks.reproduction document` makes their tables anew."""
    text = (document.DOCS / page).read_text()
    assert "<!-- table " in text
    assert document.tables(text, RESULTS) == text


SMALL = (
    "--num-envs 16 --num-steps 32 --num-minibatches 2 --bptt-length 8 --fc 8 --burn-in 0 "
    "--num-evaluations 2 --eval-episodes 4 --final-episodes 4"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduction")
    return SimpleNamespace(results=folder / "results", runs=folder / "runs", docs=folder / "docs")


def command(*arguments):
    return [sys.executable, "-m", *map(str, arguments)]


def run(*arguments):
    result = subprocess.run(command(*arguments), capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def experiment(place, name, *arguments):
    more = ("--results", place.results, "--runs", place.runs, *SMALL.split())
    return ("benchmarks.reproduction", name, *arguments, *more)


long = partial(pytest.param, marks=pytest.mark.long)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("warehouse", ["iam-manual", "rnn"]),
        long("warehouse-paper", ["iam-dynamic", "rnn-published"]),
        ("traffic", ["iam-static", "rnn"]),
        ("traffic-paper", ["fnn"]),
        long("minatar-breakout", ["rnn"]),
        ("ablations", ["d-set-wrong", "memory-8", "frames-2"]),
        long("tuning", ["fnn-1e-3-0.1"]),
        ("faults", ["both"]),
        ("tmaze-10", ["iam-lru"]),
        ("popgym", ["repeat-first-easy-iam-static"]),
        ("selection", ["easy-0-32-iam-dynamic"]),
    ],
)
def test_smoke_every_experiment_trains_and_records(place, name, methods):
    run(*experiment(place, name, "--seeds", 2, "--at-once", 2, "--budget", 2000, "--only", *methods))
    results = load(name, place.results)
    assert set(results) == set(methods)
    for result in results.values():
        assert result["finals"].shape == (2,) and result["returns"].shape == (2, len(result["steps"]))


@pytest.mark.slow
def test_smoke_an_experiment_goes_on_after_a_kill(place):
    arguments = ("warehouse", "--only", "fnn", "--seeds", 2, "--budget", 100_000)
    process = subprocess.Popen(command(*experiment(place, *arguments)), stdout=subprocess.DEVNULL)
    checkpoints = place.runs / "warehouse" / "fnn-seeds0to0" / "checkpoints"
    deadline = time.monotonic() + 120
    while not checkpoints.is_dir() and time.monotonic() < deadline:
        time.sleep(0.01)  # the first one is being written
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run(*experiment(place, *arguments))
    assert len(load("warehouse", place.results)["fnn"]["finals"]) == 2
    assert run(*experiment(place, *arguments)) == ""  # nothing is left to do


@pytest.mark.slow
def test_smoke_results_of_other_options_are_not_mixed(place):
    arguments = experiment(place, "warehouse", "--only", "fnn", "--seeds", 3, "--budget", 500_000)
    result = subprocess.run(command(*arguments), capture_output=True, text=True)
    assert result.returncode == 2 and "made with other options" in result.stderr


@pytest.mark.slow
def test_smoke_agents_are_probed_and_interfered_with_and_timed(place):
    runs = [place.runs / "warehouse" / "iam-manual-seeds0to1", place.runs / "warehouse" / "rnn-seeds0to1"]
    runs += [place.runs / "traffic" / "iam-static-seeds0to1"]
    for name, arguments in (
        ("probes", [*runs, "--episodes", 20]),
        ("interventions", [*runs, "--episodes", 20]),
        ("runtime", ["--turns", 1, "--only", "iam-static", "fnn"]),
    ):
        file = place.results / f"{name}.json"
        run(f"benchmarks.reproduction.{name}", *arguments, "--output", file)
        found = json.loads(file.read_text())
        assert found["rows"] and all(len(row) == len(found["columns"]) for row in found["rows"])


@pytest.mark.slow
def test_smoke_tables_and_figures_are_made_from_the_results(place):
    place.docs.mkdir()
    names = ("warehouse", "faults", "probes", "interventions", "runtime")
    text = "\n".join(f"<!-- table {name} -->\n<!-- end -->" for name in names)
    (place.docs / "reproduction.md").write_text(text)
    document.rebuild(place.results, place.docs)
    written = (place.docs / "reproduction.md").read_text()
    assert "IAM, manual d-set" in written and "nearest visible item" in written
    assert {f.name for f in (place.docs / "images").iterdir()} >= {
        "reproduction_warehouse.png",
        "reproduction_ablations.png",
    }
