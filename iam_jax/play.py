"""Playing episodes with a trained agent: for their returns, or as an animated picture."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from iam_jax.models.encoders import as_float
from iam_jax.pictures import in_colour
from iam_jax.ppo.rollout import Actor, ActorState

MILLISECONDS_PER_STEP = 150
SIDE = 320
"""Pixels along an observation that is drawn, or less for whole pixels per entry."""


def episode_returns(
    params: Any, key: jax.Array, *, actor: Actor, episodes: int, greedy: bool = False
) -> jax.Array:
    """Undiscounted returns of the first episode of each of ``episodes`` fresh environments.

    One episode per environment, so that short episodes do not count more than long ones.

    Args:
      params: Of the actor's model.
      key: Source of all randomness.
      actor: Environment and model.
      episodes: N.
      greedy: Take the most probable action instead of sampling one.

    Returns:
      float32[N].
    """
    key_reset, key = jax.random.split(key)
    actors = actor.reset(key_reset, episodes)

    def unfinished(loop: Any) -> jax.Array:
        return ~loop[2].all()

    def step(loop: Any) -> Any:
        actors, returns, done, key = loop
        key_step, key = jax.random.split(key)
        actors, transition = actor.act(params, actors, key_step, greedy=greedy)
        ended = transition.episode["ended"] & ~done
        returns = jnp.where(ended, transition.episode["return"], returns)
        return actors, returns, done | ended, key

    start = (actors, jnp.zeros(episodes), jnp.zeros(episodes, bool), key)
    return jax.lax.while_loop(unfinished, step, start)[1]


def at_once(params: Any, key: jax.Array, *, actor: Actor, episodes: int, greedy: bool = False) -> np.ndarray:
    """`episode_returns`, compiled."""
    play = jax.jit(partial(episode_returns, actor=actor, episodes=episodes, greedy=greedy))
    return np.asarray(play(params, key))


def one_by_one(
    params: Any, key: jax.Array, *, actor: Actor, episodes: int, greedy: bool = False
) -> np.ndarray:
    """`episode_returns` for a simulator that holds one environment: one episode after the other."""
    play = jax.jit(partial(episode_returns, actor=actor, episodes=1, greedy=greedy))
    return np.concatenate([play(params, episode_key) for episode_key in jax.random.split(key, episodes)])


def film(params: Any, key: jax.Array, *, actor: Actor, file: Path) -> bool:
    """Plays one episode with sampled actions and writes a GIF, one frame per step.

    Returns:
      False, with nothing written, if neither the environment draws itself nor the observation is an image.
    """
    pictures = (
        draw(actor, state.env_state) or seen(actor, state) for state in episode(params, key, actor=actor)
    )
    first = next(pictures)
    if first is None:
        return False
    save_gif((picture for picture in chain([first], pictures) if picture is not None), file)
    return True


def episode(params: Any, key: jax.Array, *, actor: Actor, max_steps: int = 1000) -> Iterator[ActorState]:
    """Where one environment stands before each step of an episode with sampled actions, B = 1."""
    key_reset, key = jax.random.split(key)
    state = jax.jit(actor.reset, static_argnums=1)(key_reset, 1)
    act = jax.jit(actor.act)
    for step in range(max_steps):
        yield state
        state, _ = act(params, state, jax.random.fold_in(key, step))
        if state.first[0]:
            break


def draw(actor: Actor, env_state: Any) -> Image.Image | None:
    """The first of B environments as it draws itself, if it can."""
    if not hasattr(actor.env, "render"):
        return None
    state = jax.tree.map(lambda x: x[0], env_state)
    image = actor.env.render(state, actor.env_params)  # gymnax's own draw matplotlib figures
    return Image.fromarray(image) if isinstance(image, np.ndarray) else None


def seen(actor: Actor, state: ActorState) -> Image.Image | None:
    """What the agent sees of the first of B environments, if it is an image: of a stack, the newest."""
    if state.obs.ndim != 4:
        return None
    obs = np.asarray(as_float(state.obs[0]))
    newest = obs[..., : obs.shape[-1] // getattr(actor.env, "num_frames", 1)]
    enlarge = max(1, SIDE // max(newest.shape[:2]))
    return Image.fromarray(in_colour(newest).repeat(enlarge, 0).repeat(enlarge, 1))


def save_gif(frames: Iterator[Image.Image], file: Path) -> None:
    """An animated picture that is repeated for ever; frames may be drawn as they are written."""
    next(frames).save(
        file, format="GIF", save_all=True, append_images=frames, duration=MILLISECONDS_PER_STEP, loop=0
    )
