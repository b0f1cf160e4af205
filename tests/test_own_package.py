"""A package of one's own, outside of the repository and installed nowhere, from training to a film."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import iam_jax

ROOT = Path(__file__).parent.parent
MAZE = (ROOT / "examples" / "own_environment.py").read_text().partition('if __name__ == "__main__"')[0]
OPTIONS = ["--num-envs", "128", "--num-steps", "24", "--bptt-length", "24", "--num-evaluations", "2"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two modules: the maze, and one whose observation has another shape than it says."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "mymaze").mkdir()
    (folder / "mymaze" / "__init__.py").write_text("")
    (folder / "mymaze" / "env.py").write_text(MAZE)
    (folder / "mymaze" / "wrong.py").write_text(MAZE.replace("(3 + 8,)", "(4 + 8,)"))
    return folder


def run(folder, module, *arguments):
    path = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "XLA_FLAGS": ""},
    )  # fmt: skip


def train(folder, env, model, *more, steps=400_000):
    return run(
        folder, "iam_jax.train", "--env", env, "--model", model, "--total-steps", steps, *OPTIONS, *more
    )


@pytest.fixture(scope="module")
def trained(folder):
    result = train(folder, "mymaze.env:TMaze", "iam", "--env-args", "length=5", "--run-dir", "runs/iam")
    assert result.returncode == 0, result.stderr
    return folder / "runs" / "iam"


def final(run_dir):
    return json.loads((run_dir / "final.json").read_text())["returns"][0]


def test_a_module_trains_and_its_agent_remembers(trained):
    assert final(trained) > 0.9


def test_its_run_is_evaluated_and_filmed(folder, trained):
    result = run(folder, "iam_jax.evaluate", "--checkpoint", trained, "--episodes", 50)
    assert result.returncode == 0, result.stderr
    assert (trained / "episode.gif").read_bytes()[:3] == b"GIF"


@pytest.mark.slow
@pytest.mark.parametrize(("model", "solves"), [("rnn", True), ("fnn", False)])
def test_a_file_trains_with_the_other_models_and_only_memory_solves_it(folder, model, solves):
    place = folder / "mymaze" / "env.py"
    result = train(folder, f"{place}:TMaze", model, "--env-args", "length=5", "--run-dir", f"runs/{model}")
    assert result.returncode == 0, result.stderr
    assert (final(folder / "runs" / model) > 0.9) == solves


def test_python_trains_stops_and_resumes_it_by_its_place(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    config = iam_jax.preset("mymaze.env:TMaze", num_envs=32, total_steps=20_000, num_evaluations=0)
    stop = lambda row: row["step"] > 5_000  # noqa: E731
    run = iam_jax.train(config, run_dir=folder / "runs" / "python", callback=stop, display=False)
    assert isinstance(run.outcome, iam_jax.Stopped)
    again = iam_jax.resume(folder / "runs" / "python", display=False)
    assert isinstance(again.outcome, iam_jax.Finished)
    assert iam_jax.load(folder / "runs" / "python").env.name == "TMaze"


def test_a_run_whose_module_is_gone_says_so_in_one_sentence(folder, trained, tmp_path):
    copy = shutil.copytree(trained, tmp_path / "run")
    for module, option in (("iam_jax.train", "--resume"), ("iam_jax.evaluate", "--checkpoint")):
        result = run(tmp_path, module, option, copy)
        assert result.returncode == 2 and "Traceback" not in result.stderr, result.stderr
        assert "There is no module 'mymaze.env'" in result.stderr and result.stderr.count("\n") == 1


def test_an_object_is_asked_for_again(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    from mymaze.env import TMaze

    config = iam_jax.preset("my maze", num_envs=16, total_steps=1_000, num_evaluations=0, final_episodes=10)
    iam_jax.train(config, env=TMaze(length=3), run_dir=folder / "runs" / "object", display=False)
    with pytest.raises(iam_jax.ConfigError, match=r"mymaze\.env\.TMaze, was handed over as a Python object"):
        iam_jax.load(folder / "runs" / "object")
    agent = iam_jax.load(folder / "runs" / "object", env=TMaze(length=3))
    obs, carry = [0.0] * 11, agent.initial_carry()
    action, carry = agent.act(__import__("numpy").array(obs, "float32"), carry, first=True)
    assert int(action) in (0, 1) and len(agent.evaluate(episodes=20).returns) == 20


def test_a_broken_environment_is_named_with_its_file_before_anything_is_written(folder):
    result = train(folder, "mymaze/wrong.py:TMaze", "iam", "--run-dir", "runs/wrong")
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "wrong.py:TMaze: reset: observation has shape (11,), its space (12,)" in result.stderr
    assert not (folder / "runs" / "wrong").exists()
