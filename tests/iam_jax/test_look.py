"""The episode microscope shows what the agent saw, held and did, in every kind of environment and network."""

import base64
import io
import json
import re
from functools import cache

import jax
import numpy as np
import pytest
from look_agents import KINDS, fresh
from PIL import Image

import envs_jax
import iam_jax
from envs_jax import spaces
from iam_jax import stored
from iam_jax.look import record as recording
from iam_jax.look.__main__ import main
from iam_jax.look.page import SIDES, _pictures, page
from iam_jax.look.probe import correlations, explained, readings
from iam_jax.look.record import hidden_names, record
from iam_jax.look.sight import _names
from iam_jax.models.actor_critic import inside
from iam_jax.train import parse

QUICK = ("manual", "no-memory")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(recording, "LONGEST", 12)
    monkeypatch.setattr(recording, "OTHERS", 16)


@cache
def recorded(kind, seed=0):
    """Two episodes of a fresh agent of a kind; the seed is that of its parameters."""
    return record(fresh(KINDS[kind], seed), "a </script> name", 2, seed=3)


def data_of(text):
    """What the script of a page reads."""
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(data)


@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_a_page_holds_every_step(kind):
    agent, found = fresh(KINDS[kind]), recorded(kind)
    (shown,) = data_of(page([agent], [found]))["agents"]
    assert shown["name"] == "a </script> name" and len(shown["episodes"]) == 2
    units, numbers = shown["units"], len(shown["seen"]["names"])
    assert units == (0 if kind == "no-memory" else 8) == len(shown["follows"])
    for episode in shown["episodes"]:
        steps = len(episode["value"])
        assert 0 < steps <= 12 and episode["cut"] in (True, False)
        lists = ("memory", "seen", "hidden", "action", "reward")
        assert all(len(episode[name]) == steps for name in lists)
        assert np.shape(episode["memory"]) == (steps, units)
        assert np.shape(episode["seen"]) == (steps, numbers)
        check_policy(episode, steps)
        check_attention(shown["reads"], episode, numbers)
        for frames, pictures in ((episode["frames"], "pictures"), (episode["sights"], "sights")):
            assert len(frames) in (0, steps) and set(frames) <= set(range(len(shown[pictures])))
        assert episode["frames"] or episode["sights"] or numbers
        assert len(episode["read"]) == len(shown["readings"])
    for part in shown["pictures"] + shown["sights"]:
        assert max(Image.open(io.BytesIO(base64.b64decode(part))).size) <= SIDES[0]


def check_policy(episode, steps):
    if "numbers" in episode:
        low, mean, high = (np.array(episode["numbers"][name]) for name in ("low", "mean", "high"))
        assert mean.shape == np.shape(episode["action"]) and (low <= mean).all() and (mean <= high).all()
        return
    for i, probabilities in enumerate(episode["choices"]):
        np.testing.assert_allclose(np.sum(probabilities, 1), 1, atol=0.01)
        taken = [row[i] for row in episode["action"]]
        assert (np.array(probabilities)[np.arange(steps), taken] > 0).all()


def check_attention(reads, episode, numbers):
    if not reads.get("attends"):
        assert "attention" not in episode
        return
    shares = np.array(episode["attention"])
    np.testing.assert_allclose(shares.sum(-1), 1, atol=0.01)
    regions = reads["map"]["rows"] * reads["map"]["columns"] if "map" in reads else numbers
    assert shares.shape[-1] == regions
    if "map" in reads:
        spread = np.array(reads["map"]["down"]) @ np.ones((reads["map"]["rows"], reads["map"]["columns"]))
        np.testing.assert_allclose(spread @ np.array(reads["map"]["across"]).T, 1, atol=1e-3)


@pytest.mark.slow
def test_what_the_memory_reads_is_marked():
    agent = fresh(KINDS["manual"])
    reads = recorded("manual").sight.reading()
    assert tuple(np.flatnonzero(reads["chosen"])) == agent.actor.model.config.d_set_indices
    weights = recorded("static").sight.reading()["weights"]
    assert weights.max() == pytest.approx(1) and weights.min() >= 0 and weights.std() > 0


def test_numbers_that_are_shown_one_hot_have_names_of_their_own():
    assert _names("", spaces.Discrete(3)) == ["0 is 0", "0 is 1", "0 is 2"]
    assert _names("dice", spaces.MultiDiscrete((2, 1))) == ["dice[0] is 0", "dice[0] is 1", "dice[1]"]
    assert _names("", spaces.Box(0, 1, (2,))) == ["0", "1"]
    assert _names("speed", spaces.Box(0, 1, ())) == ["speed"]


def test_hidden_variables_have_the_names_that_the_environment_gives():
    assert recorded("manual").hidden_names[3] == "age of item 3"
    assert hidden_names(fresh(KINDS["cards"]), 5) == ["first", "left[0]", "left[1]", "left[2]", "left[3]"]


@pytest.mark.parametrize("name", ["warehouse", "mini-warehouse", "traffic"])
def test_every_hidden_variable_has_a_name(name):
    env, params = envs_jax.make(name)
    _, state = jax.eval_shape(env.reset, jax.random.key(0), params)
    names = env.hidden_names()
    assert len(set(names)) == len(names) == jax.eval_shape(env.hidden, state).size


def test_an_item_that_is_not_there_has_no_age():
    found = recorded("manual")
    hidden, seen = found.episodes[0].steps["hidden"], found.episodes[0].steps["seen"]
    np.testing.assert_array_equal(np.isnan(hidden), seen[:, 25:] == 0)


@pytest.mark.parametrize("kind", ["manual", "lstm-layers"])
def test_the_memory_is_what_the_recurrence_puts_out(kind):
    agent = fresh(KINDS[kind])
    model, rng = agent.actor.model, np.random.default_rng(0)
    size = agent.env.observation_space(agent.actor.env_params).shape[0]
    obs, first = rng.normal(size=(5, 2, size)).astype(np.float32), rng.random((5, 2)) < 0.3

    def direct(model, carry, obs, first):
        features = model.fc(obs)
        return model.memory(carry, obs if kind == "manual" else features, first)[1], features

    output, found = inside(model, agent.params, model.initial_carry(2), obs, first)
    memory, features = model.apply(agent.params, model.initial_carry(2), obs, first, method=direct)
    np.testing.assert_allclose(found["memory"], memory, atol=1e-6)
    np.testing.assert_allclose(found["features"], features, atol=1e-6)
    alone = model.apply(agent.params, model.initial_carry(2), obs, first)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), output, alone)


@pytest.mark.slow
def test_two_agents_meet_the_same_draws():
    one, other = (recorded("dynamic", seed) for seed in (0, 1))
    for a, b in zip(one.episodes, other.episodes, strict=True):
        np.testing.assert_array_equal(a.steps["seen"], b.steps["seen"])
        assert not np.allclose(a.steps["value"], b.steps["value"])
    first, second = (episode.steps["seen"] for episode in one.episodes)
    assert (first != second).any()


@pytest.mark.slow
def test_a_long_episode_is_cut_and_says_so():
    assert recorded("manual").episodes[0].cut
    whole = recorded("dynamic").episodes[0]
    assert not whole.cut and len(whole.steps["value"]) == 7


def test_pictures_are_made_smaller_where_there_are_too_many(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 255, (4, 240, 240, 3), dtype=np.uint8)
    images = [Image.fromarray(pixels) for pixels in noise]
    large, places = _pictures([*images, images[1]])
    assert places == [0, 1, 2, 3, 1] and len(large) == 4
    monkeypatch.setattr("iam_jax.look.page.ROOM", sum(map(len, large)) - 1)
    small, _ = _pictures(images)
    assert Image.open(io.BytesIO(base64.b64decode(small[0]))).size == (SIDES[1], SIDES[1])


def memories(seed=0):
    rng = np.random.default_rng(seed)
    return rng, rng.normal(size=(40, 30, 6))


def test_a_reading_finds_what_is_there_and_nothing_else():
    rng, memory = memories()
    held, noise = memory @ rng.normal(size=6) + 3, rng.normal(size=(40, 30))
    still = np.ones((40, 30))
    hidden = np.stack([noise, held, still], -1)
    counts = np.ones(hidden.shape, bool)
    counts[:, ::3, 1] = False
    hidden[:, ::3, 1] = 1e6  # which must not be looked at
    found = readings(memory, noise[..., None], hidden, counts, most=5)
    assert [reading.variable for reading in found] == [1, 0]
    assert found[0].r2 > 0.99 and abs(found[0].r2_seen) < 0.05
    assert abs(found[1].r2) < 0.1 and found[1].r2_seen > 0.99
    np.testing.assert_allclose(found[0].read(memory[:, 1])[:, 0], held[:, 1], atol=0.05)
    assert readings(memory, noise[..., :0, None][..., :0], hidden, counts, most=1)[0].r2_seen is None


def test_readings_are_judged_on_environments_that_they_were_not_fitted_on():
    """Where each has a constant of its own, a memory that only says which it is tells nothing."""
    rng = np.random.default_rng(0)
    memory = np.broadcast_to(np.eye(30), (40, 30, 30))
    hidden = np.broadcast_to(rng.normal(size=30), (40, 30))[..., None]
    (found,) = readings(memory, memory[..., :0], hidden, np.ones(hidden.shape, bool), most=1)
    assert found.r2 < 0.1


def test_explained_is_one_for_the_truth_and_zero_for_the_mean():
    truth = np.arange(10.0)
    assert explained(truth, truth) == 1 and explained(truth, np.full(10, 4.5)) == pytest.approx(0)


def test_correlations_are_those_of_numpy_where_a_variable_counts():
    rng, memory = memories(1)
    others = rng.normal(size=(40, 30, 2)) + memory[..., :2]
    others[..., 1][:, 10:] = 1e6
    counts = np.ones(others.shape, bool)
    counts[:, 10:, 1] = False
    memory = np.concatenate([memory, np.ones((40, 30, 1))], -1)
    found = correlations(memory, others, counts)
    for unit in range(6):
        for variable, part in enumerate((slice(None), slice(10))):
            x, y = memory[:, part, unit].ravel(), others[:, part, variable].ravel()
            assert found[unit, variable] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert not found[6].any()


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_what_cannot_be_shown_is_refused_in_one_sentence(tmp_path, capsys):
    for name, options in {
        "a": "--env tmaze",
        "b": "--env warehouse",
        "c": "--env tmaze --flicker 0.5",
    }.items():
        (tmp_path / name).mkdir()
        stored.save(parse(options.split()), tmp_path / name)
    a, b, c = (tmp_path / name for name in "abc")
    assert "it has no config.json" in refused(capsys, "--checkpoint", tmp_path / "no")
    assert "--env tmaze and warehouse" in refused(capsys, "--checkpoint", a, b)
    assert "--flicker 0.0 and 0.5" in refused(capsys, "--checkpoint", a, c)
    assert "one run, or two" in refused(capsys, "--checkpoint", a, a, a)
    assert "--episodes must be at least 1" in refused(capsys, "--checkpoint", a, "--episodes", 0)
    assert "There is no folder" in refused(capsys, "--checkpoint", a, "--output", tmp_path / "x" / "y.html")
    assert "choose another file with --output" in refused(capsys, "--checkpoint", a, "--output", b)
    assert not (a / "look.html").exists()


@pytest.mark.slow
def test_the_command_writes_one_file_that_needs_no_other(tmp_path, capsys):
    run_dir, file = tmp_path / "run", tmp_path / "page.html"
    few = "--num-envs 16 --num-steps 8 --bptt-length 8 --num-minibatches 1 --total-steps 256 --num-seeds 2"
    iam_jax.train(
        parse(f"{KINDS['dynamic']} {few} --eval-episodes 2 --final-episodes 2".split()), run_dir=run_dir
    )
    for output, arguments in ((run_dir / "look.html", []), (file, [run_dir, "--output", file])):
        with pytest.raises(SystemExit) as ended:
            main(["--checkpoint", str(run_dir), *map(str, arguments), "--episodes", "1", "--which", "last"])
        assert ended.value.code is None and f"{output}" in capsys.readouterr().out
        text = output.read_text(encoding="utf-8")
        assert not re.search(r"https?:|src=|@import|url\(|{{", text)
        agents = data_of(text)["agents"]
        assert len(agents) == 1 + len(arguments[:1]) and agents[0]["name"] == "run"
    assert agents[0] == agents[1]
