"""What the two games share: the paddle knob, the frame skip, and the numbers that a user may sweep.

The knob is not the game's but ALE's: a potentiometer that buttons turn by a fixed step per frame. Every
constant was measured with ale-py 0.12 by recording the games' memory frame by frame; see `docs/atari.md`.
"""

import jax
import jax.numpy as jnp
from flax import struct

from envs_jax.environment import EnvParams

FRAMES_PER_SECOND = 60

KNOB_START, KNOB_LAST, KNOB_STEP = 50, 100, 3
"""Places of the knob at a reset and at its upper end, and how far one frame turns it.

ALE turns by 23,000 ohms between 27,450 and 790,196, starting at 408,823. From these, turning and stopping at
the ends, three interleaved series of places can be reached; the knob counts them in order of resistance.
"""


class Params(EnvParams):
    """Numbers of a game.

    Attributes:
      max_steps_in_episode: Time limit in steps; the default is 108,000 frames, half an hour of play.
      max_noops: An episode begins after 0 to this many frames without action, each equally likely: the usual
        source of randomness, because the games have none but their clock.
      frame_skip: Frames for which an action is held, at least 2.
    """

    max_steps_in_episode: int = 27_000
    max_noops: int = 30
    frame_skip: int = struct.field(pytree_node=False, default=4)


def turn(knob: jax.Array, direction: jax.Array) -> jax.Array:
    """The knob one frame later, int32[].

    Args:
      knob: Its place, from 0 to `KNOB_LAST`, int32[].
      direction: -1, 0 or 1, int32[].
    """
    return jnp.clip(knob + KNOB_STEP * direction, 0, KNOB_LAST)
