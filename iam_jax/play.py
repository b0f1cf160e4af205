"""Playing episodes with a trained agent: for their returns, or as an animated picture."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from iam_jax.ppo.rollout import Actor

MILLISECONDS_PER_STEP = 150


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


def film(params: Any, key: jax.Array, *, actor: Actor, file: Path, max_steps: int = 1000) -> bool:
    """Plays one episode with sampled actions and writes a GIF, one frame per step.

    Returns:
      False, with nothing written, if the environment cannot draw itself as an RGB array.
    """
    key_reset, key = jax.random.split(key)
    state = jax.jit(actor.reset, static_argnums=1)(key_reset, 1)
    act = jax.jit(actor.act)
    frames = []
    for step in range(max_steps):
        frame = _draw(actor, jax.tree.map(lambda x: x[0], state.env_state))
        if frame is None:
            return False
        frames.append(frame)
        state, transition = act(params, state, jax.random.fold_in(key, step))
        if transition.terminated[0] | transition.truncated[0]:
            break
    frames[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=MILLISECONDS_PER_STEP,
        loop=0,
    )
    return True


def _draw(actor: Actor, env_state: Any) -> Image.Image | None:
    if not hasattr(actor.env, "render"):
        return None
    image = actor.env.render(env_state, actor.env_params)  # gymnax's own draw matplotlib figures
    return Image.fromarray(image) if isinstance(image, np.ndarray) else None
