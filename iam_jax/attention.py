"""Pictures of where a dynamic d-set looks: ``python -m iam_jax.evaluate --checkpoint DIR --attention``.

The brightest colour is for a head's greatest weight in that step, which is written beside it as its peak, but
for no less than `FULL` times an even share: a head that looks everywhere is dim everywhere.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image, ImageOps

from iam_jax.config import ConfigError, IAMConfig, ModelConfig
from iam_jax.models.actor_critic import ActorCritic, attend
from iam_jax.models.encoders import map_size, receptive_field
from iam_jax.pictures import GAP, GROUND, cells, heat_colours, in_colour, joined, numbers, overlay, text
from iam_jax.play import draw, episode, save_gif
from iam_jax.ppo.rollout import Actor

FRAMES_IN_STRIP = 6
FULL = 4
SIDE, LENGTH, LABEL = 200, 380, 120
"""Pixels along an image and a row of variables, or less for whole pixels per entry, and beside such a row."""


class Look(NamedTuple):
    """One step of an episode.

    Attributes:
      env_state: Where the environment stands, [1, ...].
      obs: What the agent sees of it.
      weights: Of its attention, float32[heads, R].
      value: Its estimate of the return to come.
    """

    env_state: Any
    obs: np.ndarray
    weights: np.ndarray
    value: float


def check_attention(network: ModelConfig) -> None:
    """Refuses agents without attention.

    Raises:
      ConfigError: There is nothing to picture.
    """
    if not isinstance(network, IAMConfig) or network.d_set != "dynamic":
        raise ConfigError(
            "--attention needs an agent that has it: train one with --model iam --d-set dynamic."
        )


def check_parts(model: ActorCritic) -> None:
    """Refuses agents for whose attention there is no picture.

    Raises:
      ConfigError: The observation is a tuple or dict, or an encoder of one's own makes something else of it.
    """
    if encoder := model.config.own.get("encoder"):
        raise ConfigError(
            f"--attention pictures the observation as it is, and --encoder {encoder} makes another vector of "
            "it: leave it out."
        )
    if len(model.parts) > 1:
        raise ConfigError(
            "--attention pictures observations of one array, not of several parts: leave it out."
        )


def film_attention(params: Any, key: jax.Array, *, actor: Actor, folder: Path) -> None:
    """Plays one episode and writes ``attention.gif`` and, with a few of its frames, ``attention.png``.

    It is the episode that `iam_jax.play.film` shows for the same key.
    """
    looks = watch(params, key, actor=actor)
    frame = painter(actor, looks)
    # Few pixels have the brightest colours, which must not be lost among the 256 of a GIF.
    pictures = (frame(step).quantize(method=Image.Quantize.MAXCOVERAGE) for step in range(len(looks)))
    save_gif(pictures, folder / "attention.gif")
    shown = np.unique(np.linspace(0, len(looks) - 1, FRAMES_IN_STRIP).astype(int))
    strip([frame(step) for step in shown]).save(folder / "attention.png")


def watch(params: Any, key: jax.Array, *, actor: Actor) -> list[Look]:
    """One episode, with the weights that the model has when it acts."""
    attention = jax.jit(partial(attend, actor.model))
    looks = []
    for state in episode(params, key, actor=actor):
        (_, _, value), weights = attention(params, state.carry, state.obs[None], state.first[None])
        obs, weights, value = jax.device_get((state.obs[0], weights[0, 0], value[0, 0]))
        looks.append(Look(state.env_state, obs, weights, float(value)))
    return looks


def painter(actor: Actor, looks: Sequence[Look]) -> Callable[[int], Image.Image]:
    """What draws a step of an episode, given its number."""
    on_map = actor.model.config.encoder != "vector"
    obs = np.stack([look.obs for look in looks]).astype(float)
    # Of stacked images the newest is shown, which comes first; of vectors everything, as all has weights.
    obs = obs[..., : obs.shape[-1] // actor.env.num_frames] if on_map else _flat(obs)
    brightness = _relative(obs)
    draws = draw(actor, looks[0].env_state) is not None

    def frame(step: int) -> Image.Image:
        look = looks[step]
        drawn = draw(actor, look.env_state) if draws else None
        if on_map:
            parts = _on_images(actor, look.weights, in_colour(brightness[step]), drawn)
        else:
            parts = _in_rows(look.weights, brightness[step], drawn)
        parts = [text(f"step {step}, value {look.value:.2f}", SIDE), *parts]
        return ImageOps.expand(joined(parts, down=True), GAP, GROUND)

    return frame


def strip(frames: Sequence[Image.Image]) -> Image.Image:
    """Frames beside each other, in two rows where they are wide."""
    in_row = FRAMES_IN_STRIP if frames[0].height > frames[0].width else FRAMES_IN_STRIP // 2
    rows = [frames[i : i + in_row] for i in range(0, len(frames), in_row)]
    return joined([joined(row, down=False) for row in rows], down=True, gap=0)


def spread(weights: np.ndarray, encoder: str, shape: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
    """Weights of regions on a picture of what the encoder saw, each around the middle of its receptive field.

    Between these middles the map is linear and beyond the outermost ones constant. To light whole
    receptive fields would blur it, for those of the atari encoder are 36 of 84 pixels wide and 8 apart.
    So even attention stays even, regions at the border look like all others, and the light of each region
    lies within its receptive field.

    Args:
      weights: Of one head, float[R].
      encoder: Of the model.
      shape: Of its observations.
      size: Rows and columns of the picture.

    Returns:
      float[*size].
    """
    regions = map_size(encoder, shape)
    down, across = (
        hats(number, encoder, (np.arange(pixels) + 0.5) * length / pixels)
        for number, length, pixels in zip(regions, shape[:2], size, strict=True)
    )
    return down @ weights.reshape(regions) @ across.T


def hats(number: int, encoder: str, positions: np.ndarray) -> np.ndarray:
    """How much of each region's weight lies at each position along one side, float[positions, regions]."""
    field, stride = receptive_field(encoder)
    middles = field / 2 + stride * np.arange(number)
    hats = np.stack([np.interp(positions, middles, hat) for hat in np.eye(number)], axis=-1)
    seen = positions < middles[-1] + field / 2  # strides may leave a border that no region sees
    return hats * seen[:, None]


def _on_images(
    actor: Actor, weights: np.ndarray, seen: np.ndarray, drawn: Image.Image | None
) -> list[Image.Image]:
    """Of each head, what the agent saw and what the environment draws, under its attention."""
    enlarge = max(1, SIDE // max(seen.shape[:2]))
    pictures = [seen.repeat(enlarge, 0).repeat(enlarge, 1)]
    if drawn is not None:
        height = len(pictures[0])
        pictures.append(np.asarray(drawn.resize((drawn.width * height // drawn.height, height))))
    aligned = [True, actor.env.render_aligned]
    parts = []
    for head, row in enumerate(weights, 1):
        heat = partial(spread, _heat(row), actor.model.config.encoder, seen.shape)
        panels = [
            Image.fromarray(overlay(picture, heat(picture.shape[:2])) if fits else picture)
            for picture, fits in zip(pictures, aligned, strict=False)
        ]
        parts += [text(_label(head, row), SIDE), joined(panels, down=False)]
    return parts


def _in_rows(weights: np.ndarray, brightness: np.ndarray, drawn: Image.Image | None) -> list[Image.Image]:
    """What the environment draws, then a row of the variables and one of each head's weights."""
    width = max(1, LENGTH // len(brightness))
    rows = {}
    if drawn is not None:
        drawn.thumbnail((LENGTH, LENGTH))
        rows["rendering"] = drawn
    rows["observed"] = cells(np.repeat(255 * brightness[:, None], 3, axis=1), width)
    for head, row in enumerate(weights, 1):
        rows[_label(head, row)] = cells(heat_colours(_heat(row)), width)
    rows["variable"] = numbers(len(brightness), width)
    return [joined([text(label, LABEL), row], down=False, gap=0) for label, row in rows.items()]


def _heat(weights: np.ndarray) -> np.ndarray:
    """Weights float[R] of one head as numbers from 0 to 1."""
    return weights / max(weights.max(), FULL / weights.size)


def _label(head: int, weights: np.ndarray) -> str:
    return f"head {head}, peak {weights.max():.2f}"


def _relative(obs: np.ndarray) -> np.ndarray:
    """Numbers [T, ..., C] from the least of each C, or 0, to its greatest, or 0, as from 0 to 1."""
    axes = tuple(range(obs.ndim - 1))
    low, high = obs.min(axes, initial=0), obs.max(axes, initial=0)
    return (obs - low) / np.where(high > low, high - low, 1)


def _flat(obs: np.ndarray) -> np.ndarray:
    return obs.reshape(len(obs), -1)
