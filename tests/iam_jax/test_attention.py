"""Pictures of attention must show the weights that the agent had, at the places that they belong to."""

import dataclasses
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from iam_jax import attention, stored
from iam_jax.attention import film_attention, painter, spread, watch
from iam_jax.build import make_learner
from iam_jax.checkpoint import Checkpoints, Progress
from iam_jax.evaluate import main as evaluate
from iam_jax.learners import Learners
from iam_jax.models.actor_critic import attend
from iam_jax.models.encoders import CONVOLUTIONS, Convolutions, map_size, receptive_field
from iam_jax.pictures import GAP, overlay
from iam_jax.play import episode
from iam_jax.presets import preset
from iam_jax.train import parse

SHAPES = {"atari": (84, 84, 1), "board": (10, 10, 4)}
FRAME_OF_PONG = 168
"""Pixels along the observation in a picture of Pong: twice its size."""


@cache
def watched(env, heads=1, **choices):
    """An agent with attention in at most twelve steps of an episode: params, actor, looks, states."""
    config = preset(env, "fast", "iam")
    small = {"fc": (8,), "hidden": 8, "joint": (), "init": "glorot"}  # orthogonal takes seconds to compile
    network = dataclasses.replace(config.model, d_set="dynamic", heads=heads, **small)
    actor = make_learner(dataclasses.replace(config, model=network, **choices)).actor

    @jax.jit
    def fresh(key):
        state = actor.reset(key, 1)
        return actor.model.init(key, state.carry, state.obs[None], state.first[None])

    # Larger scores than an untrained model's, so that its attention is not even.
    larger = lambda path, x: 20 * x if "score" in jax.tree_util.keystr(path) else x  # noqa: E731
    params = jax.tree_util.tree_map_with_path(larger, fresh(jax.random.key(0)))
    states = []

    def recorded(*args, **options):
        for state in episode(*args, **options, max_steps=12):
            states.append(state)
            yield state

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "episode", recorded)
        return params, actor, watch(params, jax.random.key(1), actor=actor), states


def fields(encoder):
    """Each region's one-hot weights, and the pixels that its receptive field covers."""
    shape = SHAPES[encoder]
    size, stride = {"atari": (36, 8), "board": (3, 1)}[encoder]
    rows, columns = map_size(encoder, shape)
    for region in range(rows * columns):
        covered = np.zeros(shape[:2], bool)
        top, left = stride * (region // columns), stride * (region % columns)
        covered[top : top + size, left : left + size] = True
        yield np.eye(rows * columns)[region], covered


@pytest.mark.parametrize("encoder", SHAPES)
def test_receptive_fields_are_those_of_the_convolutions(encoder):
    """Lights one pixel of the diagonal after the other."""
    module = Convolutions(CONVOLUTIONS[encoder], jax.nn.initializers.constant(0.01))
    side = SHAPES[encoder][0]
    pixels = np.arange(side)
    images = np.zeros((1, side, *SHAPES[encoder]), np.float32)
    images[0, pixels, pixels, pixels] = 1
    params = jax.jit(module.init)(jax.random.key(0), images)
    reached = np.asarray(jax.jit(module.apply)(params, images))[0, ..., 0] > 0
    field, stride = receptive_field(encoder)
    for region in range(map_size(encoder, SHAPES[encoder])[0]):
        begin = region * stride
        np.testing.assert_array_equal(
            np.flatnonzero(reached[:, region, region]), np.arange(begin, begin + field)
        )


@pytest.mark.parametrize("encoder", SHAPES)
@pytest.mark.parametrize("enlarged", [1, 3])
def test_a_region_lights_its_receptive_field_and_nothing_else(encoder, enlarged):
    for weights, covered in fields(encoder):
        covered = covered.repeat(enlarged, 0).repeat(enlarged, 1)
        heat = spread(weights, encoder, SHAPES[encoder], covered.shape)
        light = overlay(np.zeros((*covered.shape, 3), np.uint8), heat).sum(-1)
        assert light.max() > 300 and not light[~covered].any()
        middle = np.argwhere(covered).mean(0).astype(int)
        assert light[*middle] >= 0.75 * light.max(), "the brightest place is not in the middle"


@pytest.mark.parametrize("encoder", SHAPES)
def test_even_attention_is_even_up_to_the_border(encoder):
    rows, columns = map_size(encoder, SHAPES[encoder])
    heat = spread(np.full(rows * columns, 0.5), encoder, SHAPES[encoder], (30, 40))
    np.testing.assert_allclose(heat, 0.5)


def test_a_border_that_no_region_sees_stays_dark():
    heat = spread(np.ones(49), "atari", (90, 87, 1), (90, 87))
    assert heat[:84, :84].all() and not heat[84:].any() and not heat[:, 84:].any()


def check_weights(params, actor, looks, states):
    """Against the model on the whole episode at once."""
    obs = jnp.stack([state.obs for state in states])
    np.testing.assert_array_equal([look.obs for look in looks], obs[:, 0])
    first = jnp.zeros(obs.shape[:2], bool).at[0].set(True)
    direct = jax.jit(partial(attend, actor.model))
    (_, _, value), weights = direct(params, actor.model.initial_carry(1), obs, first)
    assert np.ptp(weights, axis=0).max() > 0.1 * np.max(weights), (
        "attention that stays the same tests nothing"
    )
    np.testing.assert_allclose([look.weights for look in looks], weights[:, 0], atol=1e-5)
    np.testing.assert_allclose([look.value for look in looks], value[:, 0], atol=1e-4)


@pytest.mark.slow
def test_weights_on_variables_are_those_that_the_model_acted_with():
    check_weights(*watched("warehouse", heads=2))


@pytest.mark.slow
def test_weights_on_images_are_those_that_the_model_acted_with():
    check_weights(*watched("pong", flicker=0.5, frame_stack=2))


def panels(frame):
    """Of a picture of Pong with one head: the observation and the rendering."""
    image = np.asarray(frame)[-FRAME_OF_PONG - GAP : -GAP, GAP:-GAP]
    return image[:, :FRAME_OF_PONG], image[:, FRAME_OF_PONG + GAP :]


def only_corner(looks):
    """The same episode, had the agent looked at the first region alone."""
    return [look._replace(weights=np.eye(look.weights.shape[-1])[:1]) for look in looks]


@pytest.mark.slow
def test_blank_observations_are_shown_blank_and_of_a_stack_the_newest_frame():
    _, actor, looks, _ = watched("pong", flicker=0.5, frame_stack=2)
    frame = painter(actor, only_corner(looks))
    newest, older = np.array([look.obs.any((0, 1)) for look in looks]).T
    assert (older & ~newest).any() and newest.any(), "every case must come up"
    for step, seen in enumerate(newest):
        observation, rendering = panels(frame(step))
        assert observation[:20, :20].any(), "nothing is lit"
        assert observation[2 * 36 :].any() == seen
        assert rendering[2 * 36 :].any(), "the rendering does not flicker"


@pytest.mark.slow
def test_attention_lies_on_a_rendering_only_where_it_shows_the_observation(monkeypatch):
    _, actor, looks, _ = watched("pong", flicker=0.5, frame_stack=2)
    there, elsewhere = looks[:1], only_corner(looks[:1])
    pictures = [panels(painter(actor, one)(0))[1] for one in (there, elsewhere)]
    assert (pictures[0] != pictures[1]).any()
    monkeypatch.setattr(actor.env, "render_aligned", False)
    pictures = [panels(painter(actor, one)(0))[1] for one in (there, elsewhere)]
    assert (pictures[0] == pictures[1]).all()


@pytest.mark.slow
def test_a_board_without_a_rendering_shows_its_channels_in_colours(tmp_path, monkeypatch):
    pytest.importorskip("gymnax")
    params, actor, looks, _ = watched("Breakout-MinAtar", heads=2)
    monkeypatch.setattr(attention, "watch", lambda *_, **__: looks)
    film_attention(params, jax.random.key(1), actor=actor, folder=tmp_path)
    animated, still = (Image.open(tmp_path / f"attention.{kind}") for kind in ("gif", "png"))
    assert animated.n_frames == len(looks)
    assert still.width > 6 * animated.width and still.height == animated.height
    board = np.asarray(painter(actor, only_corner(looks))(2))[-200:-GAP].reshape(-1, 3)
    colourful = [colour for colour in np.unique(board, axis=0) if np.ptp(colour.astype(int)) > 100]
    assert len(colourful) >= 3, "paddle, ball and bricks cannot be told apart"


@pytest.mark.slow
def test_evaluate_writes_both_pictures_beside_the_gif(tmp_path, capsys):
    run, pictures = tmp_path / "run", tmp_path / "pictures"
    run.mkdir(), pictures.mkdir()
    small = ["--num-envs", "16", "--num-minibatches", "4", "--burn-in", "0", "--init", "glorot"]
    config = parse(["--d-set", "dynamic", "--heads", "2", *small])
    stored.save(config, run)
    Checkpoints(run).save(Learners(make_learner(config), config).init(), Progress(0))
    arguments = ["--checkpoint", run, "--episodes", "2", "--attention", "--gif", pictures / "film.gif"]
    with pytest.raises(SystemExit) as exit_:
        evaluate([str(argument) for argument in arguments])
    assert not exit_.value.code
    assert {file.name for file in pictures.iterdir()} == {"film.gif", "attention.gif", "attention.png"}
    assert "attention.gif" in capsys.readouterr().out
    animated, still = (Image.open(pictures / f"attention.{kind}") for kind in ("gif", "png"))
    assert animated.n_frames == 100, "one frame per step of the episode"
    assert still.width > 3 * animated.width and still.height == 2 * animated.height


@pytest.mark.parametrize("chosen", [[], ["--d-set", "static"], ["--model", "rnn"]])
def test_an_agent_without_attention_is_refused_in_one_sentence(chosen, tmp_path, capsys):
    config = parse(chosen)
    stored.save(config, tmp_path)
    with pytest.raises(SystemExit) as exit_:
        evaluate(["--checkpoint", str(tmp_path), "--attention"])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "train one with --model iam --d-set dynamic" in error
