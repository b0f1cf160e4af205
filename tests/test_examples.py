"""The examples do what they say, and stay short enough to be read at a glance."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(name, folder):
    """What an example prints; with all of XLA's optimisations, as it trains for some seconds."""
    result = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"XLA_FLAGS": "", "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_short_and_explains_itself(file):
    text = file.read_text()
    assert len(text.splitlines()) < 60 and text.startswith('"""')


@pytest.mark.slow
def test_iam_remembers_the_way_in_a_maze_of_ones_own_and_an_agent_without_memory_cannot(tmp_path):
    iam, fnn = run("own_environment", tmp_path).splitlines()
    assert iam.startswith("iam") and numbers(iam)[0] > 0.9
    assert fnn.startswith("fnn") and abs(numbers(fnn)[0]) < 0.3


@pytest.mark.slow
def test_an_agent_learns_in_gymnasium(tmp_path):
    before, after, _ = numbers(run("gymnasium_environment", tmp_path).replace(",", ""))
    assert before < 60 and after > 150


@pytest.mark.slow
def test_seeds_train_under_ones_own_vmap_without_waiting_for_ever(tmp_path):
    for line in run("own_jit_and_vmap", tmp_path).splitlines():
        _, first, last = numbers(line)
        assert last > first + 0.4


@pytest.mark.slow
def test_the_module_learns_to_recall_without_any_reward(tmp_path):
    lines = run("supervised_memory", tmp_path).splitlines()
    assert numbers(lines[0])[1] < 80 and numbers(lines[-1])[1] > 95


@pytest.mark.slow
def test_an_agent_plays_in_anyones_loop_and_shows_its_memory(tmp_path):
    assert numbers(run("agent_in_your_loop", tmp_path))[0] > 25
    assert (tmp_path / "memory.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_memory_of_one_s_own_remembers_the_hint(tmp_path):
    assert numbers(run("own_memory", tmp_path))[0] > 0.8


@pytest.mark.slow
def test_an_encoder_a_d_set_and_a_network_of_ones_own_learn(tmp_path):
    for line in run("own_parts", tmp_path).splitlines():
        assert numbers(line)[0] > 200, line
