"""Whole runs: command line, checkpoints, resuming, errors."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import jax
import numpy as np
import pytest

from iam_jax import report, stored
from iam_jax.build import make_learner
from iam_jax.checkpoint import Checkpoints
from iam_jax.config import ConfigError
from iam_jax.learners import Learners
from iam_jax.metrics import check_extras, read_rows
from iam_jax.run import Run, Stopped
from iam_jax.train import parse
from iam_jax.training import Training

SMALL = [
    "--num-envs",
    "16",
    "--num-steps",
    "8",
    "--fc",
    "32",
    "--hidden",
    "16",
    "--joint",
    "16",
    "--num-minibatches",
    "4",
    "--num-epochs",
    "1",
    "--burn-in",
    "0",
    "--eval-episodes",
    "8",
    "--num-evaluations",
    "2",
]


def run(module, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def plain(output):
    """What a command printed, on one line and without the boxes around it."""
    return " ".join(output.replace("│", " ").split())


def train(*arguments, **environment):
    return run("iam_jax.train", *SMALL, *arguments, **environment)


def final_params(run_dir):
    config = stored.load(run_dir)
    learners = Learners(make_learner(config), config)
    return Checkpoints(run_dir).restore(learners.shapes())


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """A run of 200 updates that never stopped."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    result = train("--total-steps", 200 * 16 * 8, "--run-dir", folder)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_a_run_leaves_its_config_numbers_curve_and_checkpoint(whole_run):
    folder, result = whole_run
    assert stored.load(folder).model.fc == (32,)
    rows = read_rows(folder / "metrics.jsonl")
    assert rows[-1]["update"] == 200 and rows[-1]["step"] == 200 * 16 * 8
    assert sum("eval_return" in row for row in rows) == 2
    assert (folder / "learning_curve.png").stat().st_size > 10_000
    assert "nearest visible item" in result.stdout, "the table names no reference policies"
    assert "feedforward agent (60M steps, 1 seed)" in result.stdout, "the table names no agent without memory"
    assert "steps/s" in result.stdout and "s left" in result.stdout


@pytest.mark.slow
def test_resumed_run_ends_with_the_same_parameters_bitwise(whole_run, tmp_path):
    folder = tmp_path / "stopped"
    arguments = [*SMALL, "--total-steps", str(200 * 16 * 8), "--run-dir", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-m", "iam_jax.train", *arguments, "--checkpoint-interval", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while len(read_rows(folder / "metrics.jsonl")) < 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert f"--resume {folder}" in output
    stopped_at = read_rows(folder / "metrics.jsonl")[-1]["update"]
    assert stopped_at < 200, "the run ended before it could be stopped"

    result = run("iam_jax.train", "--resume", folder)
    assert result.returncode == 0, result.stderr
    whole, _ = final_params(whole_run[0])
    resumed, _ = final_params(folder)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(resumed), strict=True):
        if jax.dtypes.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, other = map(jax.random.key_data, (one, other))
        np.testing.assert_array_equal(one, other)
    updates = [row["update"] for row in read_rows(folder / "metrics.jsonl")]
    assert updates == sorted(set(updates)) and updates[-1] == 200, "rows are missing or doubled"


@pytest.mark.slow
def test_a_killed_run_resumes_from_its_last_checkpoint(tmp_path):
    folder = tmp_path / "killed"
    arguments = [*SMALL, "--total-steps", "10000000", "--run-dir", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-m", "iam_jax.train", *arguments, "--checkpoint-interval", "0"],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while len(read_rows(folder / "metrics.jsonl")) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    rows = read_rows(folder / "metrics.jsonl")
    _, progress = final_params(folder)
    per_call = stored.load(folder).updates_per_call
    assert rows[-1]["update"] - progress.update <= per_call, "more than one interval was lost"


def test_evaluate_plays_a_checkpoint_and_films_it(whole_run):
    folder, _ = whole_run
    result = run("iam_jax.evaluate", "--checkpoint", folder, "--episodes", 20)
    assert result.returncode == 0, result.stderr
    assert "sampled" in result.stdout and "greedy" in result.stdout
    assert (folder / "episode.gif").read_bytes()[:3] == b"GIF"


@pytest.mark.slow
def test_several_seeds_are_trained_together_and_each_equals_its_single_run(tmp_path):
    common = ["--total-steps", 20 * 16 * 8]
    many = train(*common, "--num-seeds", 2, "--seed", 3, "--run-dir", tmp_path / "many")
    one = train(*common, "--seed", 4, "--run-dir", tmp_path / "one")
    assert many.returncode == one.returncode == 0, many.stderr + one.stderr
    assert "mean of 2 seeds" in many.stdout and "seed 4" in many.stdout
    rows = read_rows(tmp_path / "many" / "metrics.jsonl")
    assert {row["seed"] for row in rows} == {3, 4}
    single, _ = final_params(tmp_path / "one")
    both, _ = final_params(tmp_path / "many")
    for a, b in zip(jax.tree.leaves(single.params), jax.tree.leaves(both.params), strict=True):
        np.testing.assert_allclose(a, b[1], atol=1e-4)
    result = run("iam_jax.evaluate", "--checkpoint", tmp_path / "many", "--episodes", 8)
    assert result.returncode == 0 and result.stdout.count("greedy") == 2


@pytest.mark.slow
def test_not_a_number_stops_the_run_names_the_update_and_keeps_the_checkpoint(tmp_path):
    folder = tmp_path / "nan"
    result = train(
        "--total-steps", 400 * 16 * 8, "--learning-rate", 1e37, "--max-grad-norm", "None",
        "--checkpoint-interval", 0, "--run-dir", folder,
    )  # fmt: skip
    assert result.returncode == 1
    assert "NaN or Inf" in result.stdout and "at update " in result.stdout
    assert "Traceback" not in result.stderr


ERRORS = {
    "unknown environment": (["--env", "warehose"], "Did you mean warehouse"),
    "unknown preset": (["--preset", "slow"], "slow"),
    "unknown model": (["--model", "gtrxl"], "gtrxl"),
    "preset that the environment lacks": (["--env", "CartPole-v1", "--preset", "paper"], "has no preset"),
    "d-set index out of range": (["--d-set-indices", "1", "73"], "from 0 to 72"),
    "minibatches that do not divide": (["--num-minibatches", "7"], "--num-minibatches 7 must divide"),
    "BPTT length that does not divide": (["--bptt-length", "3"], "--bptt-length 3 must divide"),
    "advantage horizon that does not divide": (["--gae-horizon", "5"], "--gae-horizon 5 must divide"),
    "no environments": (["--num-envs", "0"], "--num-envs must be at least 1, not 0"),
    "environment argument without value": (["--env-args", "size"], "NAME=VALUE"),
    "unknown environment argument": (["--env-args", "lifespan=3"], "lifespan"),
    "environment argument of the wrong type": (["--env-args", "lifetime=foo"], "lifetime must be"),
    "environment argument out of range": (["--env-args", "item_probability=2"], "item_probability must"),
    "environment argument given twice": (["--env-args", "size=9", "size=7"], "each name once"),
    "grid too small": (["--env-args", "size=2"], "at least 3 x 3"),
    "flicker above one": (["--flicker", "2"], "--flicker must be from 0 to 1"),
    "no attention heads": (["--d-set", "dynamic", "--heads", "0"], "--heads must be at least 1"),
    "an empty layer": (["--fc", "8", "0"], "--fc must be at least 1"),
    "no evaluation episodes": (["--eval-episodes", "0"], "--eval-episodes must be at least 1"),
    "advantage horizon of zero": (["--gae-horizon", "0"], "--gae-horizon must be at least 1"),
    "learning rate that is no number": (["--learning-rate", "nan"], "--learning-rate must be"),
    "more environments than can be": (["--num-envs", "1000000000000"], "--num-envs must be"),
    "resuming what is no run": (["--resume", "nowhere"], "no config.json"),
    "misspelt option": (["--num-env", "4"], "num-env"),
}


@pytest.mark.slow  # test_hostile.py says most of it without a process for each
@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_ends_in_one_sentence_and_status_2(case, tmp_path):
    arguments, sentence = ERRORS[case]
    result = run("iam_jax.train", *arguments, "--run-dir", tmp_path / "run")
    output = result.stdout + result.stderr
    assert result.returncode == 2, output
    assert sentence in plain(output), output
    assert "Traceback" not in output
    assert not (tmp_path / "run").exists(), "something was written"


@pytest.mark.slow
def test_environment_without_a_d_set_asks_for_one(tmp_path):
    result = run("iam_jax.train", "--env", "CartPole-v1", "--d-set", "manual", "--run-dir", tmp_path / "run")
    assert result.returncode == 2 and "--d-set-indices" in result.stderr


def test_names_of_references_that_earn_almost_the_same_stand_below_each_other(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *_, **__: figures.append(figure))
    rows = [
        {"seed": 0, "step": step, "episode_return": None, "eval_return": 10.0 * step, "eval_return_se": 1.0}
        for step in (1, 4)
    ]
    report.draw_curves(
        {"a": rows}, {"one": (38.0, 0.1), "two": (38.1, 0.1), "three": (38.2, 0.1)}, tmp_path / "c.png", ""
    )
    axes = figures[0].axes[0]
    figures[0].canvas.draw()
    boxes = sorted(
        (text.get_window_extent() for text in axes.texts if text.get_text()[0] in "ot"),
        key=lambda box: box.y0,
    )
    assert len(boxes) == 3
    assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes))


def test_a_run_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    result = train("--run-dir", tmp_path / "file" / "run")
    assert result.returncode == 2 and "Traceback" not in result.stderr


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"network": 3}', "not json"])
def test_a_damaged_config_is_refused(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match="damaged or of another version"):
        stored.load(tmp_path)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused_with_one_sentence(whole_run, tmp_path):
    folder = shutil.copytree(whole_run[0], tmp_path / "damaged")
    for file in (folder / "checkpoints").rglob("*"):
        if file.is_file() and file.stat().st_size > 1000:
            file.write_bytes(b"")
    result = run("iam_jax.evaluate", "--checkpoint", folder, "--episodes", 8)
    assert result.returncode == 2 and "Traceback" not in result.stderr, result.stderr


@pytest.mark.slow
def test_a_run_killed_before_its_first_call_can_be_resumed(tmp_path):
    config = parse([*SMALL, "--total-steps", "256"])
    unstarted = Run(config, tmp_path, callback=lambda row: True)
    with patch.object(Training, "is_stopped", lambda self: True):
        assert isinstance(unstarted.train(), Stopped)
    assert final_params(tmp_path)[1].update == 0


def test_evaluation_shares_no_key_with_training():
    config = parse([*SMALL, "--total-steps", "256"])
    key = Run(config, Path("unused")).evaluation.keys
    data = lambda keys: set(map(tuple, np.asarray(jax.random.key_data(keys)).reshape(-1, 2).tolist()))  # noqa: E731
    ours = set().union(*(data(key(update)) for update in range(50)))
    seed = jax.random.key(config.seed)
    for parent in [seed, *jax.random.split(seed, 50)]:
        assert not ours & data(jax.random.split(parent, 50))


def test_a_folder_with_a_run_is_not_overwritten(whole_run):
    before = (whole_run[0] / "config.json").read_bytes()
    result = train("--run-dir", whole_run[0])
    assert result.returncode == 2 and "--resume" in result.stderr
    assert (whole_run[0] / "config.json").read_bytes() == before


def test_resuming_with_other_options_is_refused(whole_run):
    with pytest.raises(ConfigError, match=r"--learning-rate 0.5 \(was 0.002\)"):
        parse(["--resume", str(whole_run[0]), "--learning-rate", "0.5"])


def test_resuming_a_changed_model_is_refused(whole_run, tmp_path):
    config = stored.load(whole_run[0])
    wider = config.replace(hidden=24)
    learners = Learners(make_learner(wider), wider)
    with pytest.raises(ConfigError, match=r"is of another model: .*has shape"):
        Checkpoints(whole_run[0]).restore(learners.shapes())


@pytest.mark.parametrize("options", [("--wandb", "project"), ("--tensorboard",)])
def test_a_missing_extra_is_named(options, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"pip install 'iam-jax\[{options[0][2:]}\]'"):
        check_extras(parse(list(options)))


@pytest.mark.slow
def test_tensorboard_gets_the_numbers(tmp_path):
    pytest.importorskip("tensorboardX")
    result = train("--total-steps", 4 * 16 * 8, "--tensorboard", "--run-dir", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "run" / "tensorboard" / "seed0").glob("events.*"))


def test_help_is_quick_because_it_does_not_import_jax():
    code = (
        "import sys, contextlib, io\nfrom iam_jax.train import parse\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "    parse(['--help'])\n"
        "assert '--num-envs' in out.getvalue() and 'preset paper' in out.getvalue()\n"
        "sys.exit(any(m in sys.modules for m in ('jax', 'flax', 'matplotlib', 'orbax')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_config_survives_json():
    config = parse(["--fc", "1", "2", "--gae-horizon", "4", "--env-args", "size=9", "--d-set-indices", "3"])
    assert stored.from_json(stored.to_json(config)) == config
    assert json.loads(stored.to_json(config))["env_args"] == ["size=9"]
