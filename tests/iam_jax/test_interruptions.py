"""What may happen to a run: stopped, killed, its files cut short, its numbers no numbers."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import jax
import numpy as np
import pytest

import iam_jax
from iam_jax import stored
from iam_jax.agent import load
from iam_jax.checkpoint import Checkpoints
from iam_jax.config import Config, ConfigError, FNNConfig
from iam_jax.evaluate import main as evaluate
from iam_jax.metrics import read_rows
from iam_jax.pace import SECONDS_OF_A_CALL, Pace
from iam_jax.run import Failed, Finished, Run, Stopped
from iam_jax.train import parse
from iam_jax.training import Training

TINY = iam_jax.preset(
    "warehouse",
    model="fnn",
    num_envs=8,
    fc=(8,),
    num_minibatches=2,
    burn_in=0,
    total_steps=40 * 64,
    eval_episodes=4,
    num_evaluations=2,
    final_episodes=8,
)


def params(run_dir, which="last"):
    return jax.tree.leaves(load(run_dir, which).params)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing happened to."""
    return iam_jax.train(TINY, run_dir=tmp_path_factory.mktemp("runs") / "whole", display=False)


@pytest.mark.slow
def test_a_callback_sees_every_row_and_stops_the_run_which_then_goes_on_bitwise(whole, tmp_path):
    seen = []

    def stop_at_seven(row):
        seen.append(row["update"])
        return row["update"] == 7

    run = iam_jax.train(TINY, run_dir=tmp_path / "run", callback=stop_at_seven, display=False)
    assert run.outcome == Stopped(None) and seen == list(range(1, 8))
    again = iam_jax.resume(tmp_path / "run", callback=lambda row: seen.append(row["update"]), display=False)
    assert isinstance(again.outcome, Finished) and seen == list(range(1, 41))
    for ours, theirs in zip(params(tmp_path / "run"), params(whole.run_dir), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_ctrl_c_in_a_script_saves_and_raises(tmp_path):
    def press(row):
        if row["update"] == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        iam_jax.train(TINY, run_dir=tmp_path / "run", callback=press, display=False)
    assert (
        Checkpoints(tmp_path / "run").updates()[0]
        == read_rows(tmp_path / "run" / "metrics.jsonl")[-1]["update"]
    )


@pytest.mark.slow
def test_a_run_in_a_thread_hears_of_no_signals_and_trains(tmp_path):
    outcomes = []
    thread = threading.Thread(
        target=lambda: outcomes.append(iam_jax.train(TINY, run_dir=tmp_path / "r", display=False).outcome)
    )
    thread.start()
    thread.join()
    assert isinstance(outcomes[0], Finished)


@pytest.mark.slow
def test_where_calls_end_does_not_change_what_is_learnt_or_written(whole, tmp_path, monkeypatch):
    """Calls of one update each, as on a slow machine, in a run that is looked at every five."""
    config = TINY.replace(total_steps=1000 * 64, num_evaluations=4)
    runs = []
    for name, number in (("slow", 1), ("fast", 3)):
        monkeypatch.setattr(Pace, "next", lambda self, most, number=number: min(most, number))
        stop = lambda row: row["update"] >= 50  # noqa: E731
        runs.append(iam_jax.train(config, run_dir=tmp_path / name, callback=stop, display=False))
    slow, fast = (run.rows for run in runs)
    assert [row["update"] for row in slow] == list(range(5, 55, 5)) == [row["update"] for row in fast]
    for a, b in zip(slow, fast, strict=True):
        assert {k: v for k, v in a.items() if k != "seconds"} == {
            k: v for k, v in b.items() if k != "seconds"
        }
    for ours, theirs in zip(params(tmp_path / "slow"), params(tmp_path / "fast"), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_call_is_bounded_by_time_however_long_the_run_is():
    pace = Pace()
    assert pace.next(10**6) == 1, "the first call shows how long an update takes"
    for seconds, most, expected in ((0.1, 10**6, 2), (0.2, 10**6, 4), (8.0, 10**6, 1), (0.001, 10, 2)):
        pace.seconds = seconds
        assert pace.next(most) == expected
    assert SECONDS_OF_A_CALL <= 2


@pytest.mark.slow
@pytest.mark.long
def test_a_run_of_half_a_billion_steps_stops_within_five_seconds_and_goes_on_bitwise(tmp_path):
    options = ["--total-steps", "500000000", "--num-evaluations", "0"]
    folder = tmp_path / "long"
    process = subprocess.Popen(
        [sys.executable, "-m", "iam_jax.train", *options, "--run-dir", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 600
    while not read_rows(folder / "metrics.jsonl") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert read_rows(folder / "metrics.jsonl"), "it never began"
    time.sleep(3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    seconds = time.monotonic() - began
    assert process.returncode == 130, output
    assert seconds < 5, f"{seconds:.1f} s from Ctrl-C to the end"

    stopped_at = Checkpoints(folder).updates()[0]
    until = stopped_at + 20
    config = stored.load(folder)
    ends = [
        _train_until(Run(config, folder), until, resume=True),
        _train_until(Run(config, tmp_path / "whole"), until, resume=False),
    ]
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def _train_until(run, update, *, resume):
    """Parameters after so many updates."""
    state, progress = run._state(Checkpoints(run.run_dir), resume)
    program = run.learners.compile(state)
    for done in range(progress.update, update, run.config.updates_per_call):
        state, _ = program(state, min(run.config.updates_per_call, update - done))
    return jax.tree.leaves(jax.device_get(state.params))


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_begins(tmp_path):
    (tmp_path / "run").mkdir()
    stored.save(TINY, tmp_path / "run")
    assert isinstance(iam_jax.resume(tmp_path / "run", display=False).outcome, Finished)


def cut(folder, *, half=False):
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if half else b"")


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.slow
def test_a_damaged_last_checkpoint_is_named_and_the_best_one_used(half, whole, tmp_path, capsys):
    folder = shutil.copytree(whole.run_dir, tmp_path / "damaged")
    checkpoints = Checkpoints(folder)
    whole_one = checkpoints.updates()[0]
    later = folder / "checkpoints" / str(whole_one + 1)
    shutil.copytree(folder / "checkpoints" / str(whole_one), later)
    cut(later, half=half)
    said = []
    checkpoints.restore_params(load(whole.run_dir).params, "last", said.append)
    assert f"update {whole_one + 1} in" in said[0] and f"using the one of update {whole_one}" in said[0]
    run = iam_jax.resume(folder, display=False)
    assert isinstance(run.outcome, Finished)
    assert later.with_name(f"damaged-{later.name}").is_dir(), "what is damaged is kept aside"


@pytest.mark.slow
def test_a_run_whose_checkpoints_are_all_damaged_says_so(whole, tmp_path):
    folder = shutil.copytree(whole.run_dir, tmp_path / "damaged")
    cut(folder / "checkpoints", half=True)
    with pytest.raises(ConfigError, match=r"is damaged .* and there is no other"):
        load(folder, "last")


@pytest.mark.slow
def test_a_new_run_can_begin_with_the_parameters_of_another(whole, tmp_path):
    config = TINY.replace(init_from=str(whole.run_dir), learning_rate=0.0, learning_rate_end=0.0)
    iam_jax.train(config, run_dir=tmp_path / "on", display=False)
    for ours, theirs in zip(params(tmp_path / "on"), params(whole.run_dir, "best"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ConfigError, match="is of another model"):
        iam_jax.train(config.replace(fc=(16,)), run_dir=tmp_path / "other", display=False)
    assert not (tmp_path / "other").exists()


def test_more_steps_than_a_run_began_with_are_refused_with_the_way_to_go_on(whole):
    with pytest.raises(ConfigError, match=r"--total-steps 9999 \(was 2560\).*--init-from .*schedules"):
        parse(["--resume", str(whole.run_dir), "--total-steps", "9999"])


@pytest.mark.slow
def test_seeds_share_no_draws_even_at_the_limit(tmp_path):
    with pytest.raises(ConfigError, match="goes past the last seed, 2147483647"):
        parse(["--seed", "2147483647", "--num-seeds", "2"])
    config = TINY.replace(seed=2**31 - 2, num_seeds=2)
    run = Run(config, tmp_path / "run")
    state = run.learners.init()
    assert not np.array_equal(*state.actor.obs), "both seeds begin with the same environments"
    assert not np.array_equal(*jax.random.key_data(state.key))
    assert not np.array_equal(*jax.random.key_data(run.evaluation.keys(5)))
    alone = Run(TINY.replace(seed=2**31 - 1), tmp_path / "alone").evaluation.keys(5)
    np.testing.assert_array_equal(
        jax.random.key_data(alone),
        jax.random.key_data(run.evaluation.keys(5))[1],
        "a seed alone plays others",
    )


def test_a_reward_that_is_no_number_is_said_to_be_the_environments(tmp_path):
    run = Run(TINY, tmp_path / "run")
    metrics = {name: np.ones((1, 3)) for name in ("loss", "params_norm", "reward")}
    fault = Training._fault
    training = type("Loop", (), {"learners": run.learners, "config": TINY})()
    assert fault(training, metrics, 10) is None
    metrics["loss"][0, 1:] = np.nan
    assert "smaller --learning-rate" in fault(training, metrics, 10)
    metrics["reward"][0, 1:] = np.nan
    assert fault(training, metrics, 10).startswith("The environment's reward was NaN or Inf in update 12")


@pytest.mark.slow
def test_numbers_that_leave_all_bounds_end_in_a_typed_outcome(tmp_path):
    config = TINY.replace(learning_rate=1e37, max_grad_norm=None)
    outcome = iam_jax.train(config, run_dir=tmp_path / "run", display=False).outcome
    assert isinstance(outcome, Failed) and "NaN or Inf" in outcome.reason


@pytest.mark.slow
def test_float64_is_refused_in_one_sentence(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "iam_jax.train", "--run-dir", str(tmp_path / "run")],
        env=os.environ | {"JAX_ENABLE_X64": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (
        result.returncode == 2
        and result.stderr == "error: Training computes in float32: unset JAX_ENABLE_X64.\n"
    )


def test_a_folder_that_the_locale_cannot_name_is_refused_before_anything_is_written(tmp_path):
    folder = tmp_path / "läuft"
    result = subprocess.run(
        [sys.executable, "-m", "iam_jax.train", "--run-dir", os.fsencode(folder)],
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2 and b"Traceback" not in result.stderr, result.stderr
    assert b"LC_ALL=C.UTF-8" in result.stderr and not folder.exists()


@pytest.mark.slow
def test_what_cannot_fit_into_memory_is_refused_before_it_is_built(tmp_path):
    config = Config(model=FNNConfig()).replace(num_envs=2**20, num_steps=2**10, bptt_length=8)
    with pytest.raises(ConfigError, match=r"needs at least [\d,]+ GiB of memory .* make --num-envs"):
        Run(config, tmp_path / "run")


@pytest.mark.slow
def test_episodes_that_never_end_are_cut_and_counted(whole):
    result = load(whole.run_dir).evaluate(episodes=4, max_steps=30)
    assert result.unfinished == 4 and (result.returns > 0).any(), "what they had earned is lost"
    assert load(whole.run_dir).evaluate(episodes=4).unfinished == 0


def test_an_evaluation_can_be_given_up_between_its_calls(whole):
    looked = []
    with pytest.raises(KeyboardInterrupt):
        load(whole.run_dir).evaluate(episodes=4, stop=lambda: True, look=lambda *x: looked.append(x))
    assert len(looked) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--seed", "99999999999999999999"], "--seed must be at most 2,147,483,647"),
        (["--episodes", "0"], "--episodes must be at least 1"),
        (["--gif", "/proc/x.gif"], "cannot be written to /proc/x.gif"),
        (["--gif", "/nowhere/x.gif"], "There is no folder /nowhere"),
        (["--simulator", "sumo"], "SUMO"),
        (["--attention"], "needs an agent that has it"),
    ],
)
def test_an_evaluation_that_cannot_end_well_is_refused_before_it_is_played(whole, options, sentence, capsys):
    with pytest.raises(SystemExit) as exit_:
        evaluate(["--checkpoint", str(whole.run_dir), *options])
    error = capsys.readouterr().err
    assert exit_.value.code == 2 and sentence in error and "Traceback" not in error


@pytest.mark.slow
def test_a_worker_killed_in_training_ends_in_one_sentence_and_a_checkpoint(tmp_path):
    pytest.importorskip("gymnasium")
    config = iam_jax.preset(
        "gymnasium:CartPole-v1", model="fnn", env_args=("workers=2",), num_envs=4, num_steps=8, bptt_length=8,
        total_steps=10**6, num_evaluations=0,
    )  # fmt: skip
    run = Run(config, tmp_path / "run")

    def kill(row):
        batch = run.learners.actor.env._env._batch(4)
        os.kill(batch._workers[1]._process.pid, signal.SIGKILL)

    run.callback = kill
    outcome = run.train()
    assert outcome == Failed("The process of worker 1 was ended by SIGKILL.")
    kept = Checkpoints(tmp_path / "run").updates()[0]
    assert kept >= run.rows[0]["update"], "what was learnt before is lost"
