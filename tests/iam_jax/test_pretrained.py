"""Agents that come with the package: they open by name, and earn what their cards say."""

import fnmatch
import math
import pickle
import shutil
import tomllib
from pathlib import Path

import jax
import numpy as np
import pytest

import iam_jax
from iam_jax import evaluate, pretrained, stored
from iam_jax import train as train_command
from iam_jax.look import __main__ as look
from iam_jax.pretrained import __main__ as command
from iam_jax.pretrained import weights
from iam_jax.pretrained.add import add

ROOT = Path(__file__).parents[2]
NAMES = pretrained.names()
TINY = {"num_envs": 16, "num_steps": 8, "bptt_length": 8, "minibatch_steps": 64, "total_steps": 1024}
TINY |= {
    "num_evaluations": 1,
    "eval_episodes": 4,
    "final_episodes": 4,
    "hidden": 8,
    "fc": (8,),
    "joint": (8,),
}
AGENT = "tmaze-iam"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A tiny run of two seeds."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    iam_jax.train(iam_jax.preset("tmaze", num_seeds=2, seed=3, **TINY), run_dir=folder, display=False)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_earns_what_its_card_says(name):
    card = pretrained.read_card(pretrained.folder_of(f"pretrained:{name}"))
    result = iam_jax.load(f"pretrained:{name}").evaluate(episodes=100, seed=card.evaluation_seed + 1)
    assert abs(result.mean - card.mean_return) <= 4 * math.hypot(result.se, card.se), (result.mean, result.se)


def test_agents_are_small_and_speak_of_no_machine():
    assert AGENT in NAMES
    sizes = [entry.size for entry in pretrained.entries()]
    assert max(sizes) < 10**6 and sum(sizes) < 10**7
    for name in NAMES:
        folder = pretrained.FOLDER / name
        assert sorted(file.name for file in folder.iterdir()) == ["card.json", "config.json", weights.FILE]
        texts = (folder / "card.json").read_text() + (folder / "config.json").read_text()
        assert '"/' not in texts and " /" not in texts, "an absolute path"


def test_the_package_takes_every_file_along():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for file in pretrained.FOLDER.rglob("*.*"):
        inside = str(file.relative_to(ROOT / "iam_jax"))
        assert any(fnmatch.fnmatch(inside, pattern) for pattern in patterns["iam_jax"]), inside


def test_the_documentation_has_the_table_that_the_command_prints(capsys):
    with pytest.raises(SystemExit) as end:
        command.main([])
    assert end.value.code in (0, None)
    printed = capsys.readouterr().out.strip()
    assert all(name in printed for name in NAMES)
    assert printed in (ROOT / "docs" / "pretrained.md").read_text()


@pytest.mark.parametrize(
    "open_it",
    [
        lambda place: evaluate.main(["--checkpoint", place]),
        lambda place: train_command.main(["--env", "tmaze", "--init-from", place]),
    ],
)
def test_a_wrong_name_is_answered_with_near_misses(open_it, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        open_it("pretrained:tmaze-ima")
    error = capsys.readouterr().err
    assert end.value.code == 2 and "Traceback" not in error
    assert "no pretrained agent 'tmaze-ima': did you mean tmaze-iam" in error
    with pytest.raises(iam_jax.ConfigError, match=r"there are .*tmaze-iam"):
        iam_jax.load("pretrained:zzz")


def test_evaluate_films_an_agent_beside_the_package_and_not_in_it(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(pretrained.FOLDER.rglob("*"))
    with pytest.raises(SystemExit) as end:
        evaluate.main(["--checkpoint", f"pretrained:{AGENT}", "--episodes", "16"])
    assert end.value.code in (0, None)
    assert f"{AGENT} (123 updates)" in capsys.readouterr().out
    assert sorted(pretrained.FOLDER.rglob("*")) == before


def test_a_page_of_an_agents_episodes_is_written_beside_the_package_and_not_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        look.main(["--checkpoint", f"pretrained:{AGENT}", "--episodes", "1"])
    assert not end.value.code
    assert (tmp_path / f"{AGENT}.html").stat().st_size > 10_000
    assert not list(pretrained.FOLDER.rglob("*.html"))


@pytest.mark.slow
def test_a_run_begins_with_an_agents_parameters(tmp_path):
    agent = iam_jax.load(f"pretrained:{AGENT}")
    still = agent.config.replace(init_from=f"pretrained:{AGENT}", learning_rate=0.0, total_steps=1)
    run = iam_jax.train(still, run_dir=tmp_path / "run", display=False)
    jax.tree.map(np.testing.assert_array_equal, run.agent.params, agent.params)


@pytest.mark.slow
def test_an_agent_is_made_from_a_run(run_dir, tmp_path):
    card = add(run_dir, "tiny", which="last", seed=4, episodes=8, folder=tmp_path)
    config, source = stored.load(tmp_path / "tiny"), iam_jax.load(run_dir, "last", seed=4)
    assert (config.seed, config.num_seeds) == (4, 1)
    params = weights.read(tmp_path / "tiny", source.params)
    jax.tree.map(np.testing.assert_array_equal, params, source.params)
    assert card.mean_return == pytest.approx(source.evaluate(8).mean, abs=1e-4)
    assert card.updates == source.progress.update > 0
    words = card.command.removeprefix("python -m iam_jax.train ").split()
    again = train_command.parse(words)
    assert again.replace(output=config.output) == config, "the command trains something else"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("Tiny Agent", "small letters"), ("../tiny", "small letters"), ("taken", "already: remove")],
)
@pytest.mark.slow
def test_names_that_cannot_be_given_are_refused(name, sentence, run_dir, tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(iam_jax.ConfigError, match=sentence):
        add(run_dir, name, which="last", seed=None, episodes=8, folder=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


@pytest.mark.slow
def test_what_others_could_not_open_is_refused_and_leaves_nothing(run_dir, tmp_path, monkeypatch):
    def refused(sentence, **changes):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        shutil.copytree(run_dir, tmp_path / "run")
        stored.save(stored.load(run_dir).replace(**changes), tmp_path / "run")
        with pytest.raises(iam_jax.ConfigError, match=sentence):
            add(tmp_path / "run", "x", which="last", seed=None, episodes=8, folder=tmp_path / "agents")
        assert not list((tmp_path / "agents").glob("*"))

    refused("can need nothing beside it.*TMaze", env="envs_jax.tmaze:TMaze")
    refused("can need nothing beside it.*--init-from", init_from="runs/other")
    monkeypatch.setattr("iam_jax.pretrained.add.LARGEST", 1000)
    refused("at most 1,000 may be kept")


class Payload:
    """Unpickled, it leaves a mark."""

    def __reduce__(self):
        return Path.mkdir, (Path("unpickled"),)


@pytest.fixture
def agents(tmp_path, monkeypatch):
    """A copy of one agent, to be damaged."""
    shutil.copytree(pretrained.FOLDER / AGENT, tmp_path / AGENT)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    monkeypatch.setattr(pretrained, "names", lambda: [AGENT])
    monkeypatch.chdir(tmp_path)
    return tmp_path / AGENT


def test_nothing_is_unpickled(agents):
    (agents / weights.FILE).write_bytes(pickle.dumps(Payload()))
    with pytest.raises(iam_jax.ConfigError, match="missing or damaged"):
        iam_jax.load(f"pretrained:{AGENT}")
    assert not Path("unpickled").exists()


def test_damage_is_named(agents):
    config = stored.load(agents)
    stored.save(config.replace(hidden=32), agents)
    with pytest.raises(iam_jax.ConfigError, match=r"is of another model: params/.* is float32\[.* there and"):
        iam_jax.load(f"pretrained:{AGENT}")
    stored.save(config, agents)
    (agents / "card.json").write_text('{"command": 5}')
    with pytest.raises(iam_jax.ConfigError, match=r"card.json is missing or damaged"):
        iam_jax.load(f"pretrained:{AGENT}")
