"""What pictures of an agent are put together from."""

import colorsys
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP, TEXT = 8, 13
"""Pixels between pictures, and of the letters."""
FONT = ImageFont.load_default(size=TEXT)
GROUND, INK = (246, 244, 238), (70, 72, 78)
HEAT = np.array([(20, 24, 48), (0, 104, 160), (40, 210, 200), (255, 250, 150)])
"""Colours from 0 to 1."""


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A picture uint8[H, W, 3] under a map float[H, W] from 0, which leaves it as it is, to 1."""
    opacity = 0.75 * heat[..., None] ** 0.75  # so that small weights can be seen too
    return ((1 - opacity) * picture + opacity * heat_colours(heat)).round().astype(np.uint8)


def heat_colours(heat: np.ndarray) -> np.ndarray:
    """Colours float[..., 3] of numbers from 0 to 1."""
    places = np.linspace(0, 1, len(HEAT))
    return np.stack([np.interp(heat, places, channel) for channel in HEAT.T], axis=-1)


def in_colour(brightness: np.ndarray) -> np.ndarray:
    """An image float[Y, X, C] from 0 to 1 as uint8[Y, X, 3]: grey, or with a hue for each channel."""
    channels = brightness.shape[-1]
    if channels == 1:
        hues = np.ones((1, 3))
    else:
        hues = np.array([colorsys.hsv_to_rgb(0.08 + i / channels, 0.65, 0.9) for i in range(channels)])
    return (255 * np.minimum(brightness @ hues, 1)).round().astype(np.uint8)


def text(line: str, width: int) -> Image.Image:
    """A line of text."""
    image = Image.new("RGB", (width, TEXT + 5), GROUND)
    ImageDraw.Draw(image).text((0, 0), line, INK, FONT)
    return image


def cells(colours: np.ndarray, width: int) -> Image.Image:
    """A row of cells, given their colours float[N, 3] and the width of one."""
    return Image.fromarray(colours.round().astype(np.uint8)[None].repeat(2 * TEXT, 0).repeat(width, 1))


def numbers(count: int, width: int) -> Image.Image:
    """What stands below a row of cells: the numbers, from 0, of as many as there is room for."""
    image = Image.new("RGB", (count * width, TEXT + 5), GROUND)
    every = next((n for n in (1, 2, 5, 10, 20) if n * width >= 2.5 * TEXT), 50)
    for i in range(0, count, every):
        ImageDraw.Draw(image).text(((i + 0.5) * width, 0), str(i), INK, FONT, anchor="mt")
    return image


def joined(images: Sequence[Image.Image], *, down: bool, gap: int = GAP) -> Image.Image:
    """Images in a column or in a row."""
    sizes = np.array([image.size for image in images])
    ends = np.cumsum(sizes + gap, axis=0) - gap
    (width, height), (right, bottom) = sizes.max(0), ends[-1]
    image = Image.new("RGB", (width, bottom) if down else (right, height), GROUND)
    for part, (x, y) in zip(images, ends - sizes, strict=True):
        image.paste(part, (0, y) if down else (x, 0))
    return image
