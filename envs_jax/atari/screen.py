"""Drawing at 84 x 84 what is usually drawn at 210 x 160 and then reduced.

Reducing by area is linear, so a rectangle can be drawn at its final size directly: each pixel gets the share
of it that the rectangle covers. The same holds for the brightest of two frames: a rectangle that moved
covers its old and its new place, less what they share.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

ROWS, COLUMNS, SIZE = 210, 160, 84

FONT = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", " # ", " # ", " # ", " # "),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", " ##", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("#  ", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", "  #", "  #"),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "  #"),
}
"""The digits of both games, each # four columns wide."""

Rectangle = tuple[jax.Array, jax.Array, jax.Array, jax.Array]
"""First row, row behind the last, first column, column behind the last; empty where they are not in order."""


def cover(low: jax.Array, high: jax.Array, length: int) -> jax.Array:
    """Share of each of the 84 pixels along one side that the half-open interval covers, float32[84].

    Args:
      low: Beginning, in pixels of the original screen.
      high: End; nothing is covered if it is not beyond the beginning.
      length: `ROWS` or `COLUMNS`.
    """
    edges = np.arange(SIZE, dtype=np.float32) * (length / SIZE)
    inside = jnp.minimum(high, edges + length / SIZE) - jnp.maximum(low, edges)
    return jnp.maximum(inside, 0) * (SIZE / length)


def brighten(layers: Sequence[tuple[float, Rectangle, Rectangle]]) -> jax.Array:
    """What things add to a picture of the brightest of two frames, float32[84, 84].

    Args:
      layers: Of each thing, how much brighter than the ground it is, its old and its new place. Where two
        things overlap, both count.
    """
    rows, columns = [], []
    for brightness, first, second in layers:
        top, bottom, left, right = zip(first, second, strict=True)
        shared = (jnp.maximum(*top), jnp.minimum(*bottom), jnp.maximum(*left), jnp.minimum(*right))
        for sign, place in ((1, first), (1, second), (-1, shared)):
            rows.append(sign * brightness * cover(place[0], place[1], ROWS))
            columns.append(cover(place[2], place[3], COLUMNS))
    # One product of matrices is much faster on a CPU than a sum of outer products.
    precision = jax.lax.Precision.HIGHEST
    return jnp.matmul(jnp.stack(rows, -1), jnp.stack(columns), precision=precision)


def to_bytes(picture: jax.Array) -> jax.Array:
    """Rounds grey values, uint8[84, 84, 1]."""
    return jnp.round(picture).astype(jnp.uint8)[..., None]


def grey(rgb: ArrayLike) -> np.ndarray:
    """Brightness of colours by the weights of ALE's grey screen, uint8[...] of uint8[..., 3]."""
    return np.round(np.asarray(rgb) @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def shrink(screen: np.ndarray) -> np.ndarray:
    """A whole screen reduced by area, as it is done to ALE's, float64[84, 84] of [210, 160]."""
    return shrink_rows(shrink_columns(screen))


def shrink_rows(part: np.ndarray) -> np.ndarray:
    """The rows alone, float64[84, W] of [210, W]."""
    return _weights(ROWS) @ part


def shrink_columns(part: np.ndarray) -> np.ndarray:
    """The columns alone, float64[H, 84] of [H, 160]."""
    return part @ _weights(COLUMNS).T


def digit(character: str, block_rows: int) -> np.ndarray:
    """Where a digit is lit, bool[5 * block_rows, 12]."""
    blocks = np.array([[block == "#" for block in row] for row in FONT[character]])
    return blocks.repeat(block_rows, 0).repeat(4, 1)


def _weights(length: int) -> np.ndarray:
    """Share of each of the 84 pixels that each original one covers, float64[84, length]."""
    edges = np.arange(SIZE)[:, None] * (length / SIZE)
    pixels = np.arange(length)
    inside = np.minimum(pixels + 1, edges + length / SIZE) - np.maximum(pixels, edges)
    return np.maximum(inside, 0) * (SIZE / length)
