"""One episode as an animated picture."""

from pathlib import Path
from typing import Any

import jax
from PIL import Image

from iam_jax.ppo.rollout import Actor

MILLISECONDS_PER_STEP = 150


def film(actor: Actor, params: Any, key: jax.Array, file: Path, max_steps: int = 1000) -> None:
    """Plays one episode with sampled actions and writes a GIF, one frame per step."""
    key_reset, key = jax.random.split(key)
    state = jax.jit(actor.reset, static_argnums=1)(key_reset, 1)
    act = jax.jit(actor.act)
    frames = []
    for step in range(max_steps):
        frames.append(actor.env.render(jax.tree.map(lambda x: x[0], state.env_state)))
        state, transition = act(params, state, jax.random.fold_in(key, step))
        if transition.terminated[0] | transition.truncated[0]:
            break
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=MILLISECONDS_PER_STEP,
        loop=0,
    )
