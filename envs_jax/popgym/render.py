"""Pictures of cards and bars."""

from collections.abc import Sequence
from typing import Any

import numpy as np

SCALE = 3
"""Pixels along one dot."""
HEIGHT, WIDTH, GAP = 17, 13, 2
"""Dots of a card, and between two."""
TABLE, PAPER, BACK, FRAME = (38, 92, 66), (246, 244, 238), (92, 116, 168), (240, 190, 60)
BLACK, RED, BAR = (40, 40, 44), (200, 52, 48), (120, 180, 230)
ROW = 13
"""Most cards in a row."""
BARS = 40
"""Dots of the highest bar."""


def _dots(*lines: str) -> np.ndarray:
    return np.array([[dot == "#" for dot in line] for line in lines])


SUITS = (  # spades, diamonds, clubs, hearts: the package's order
    _dots("...#...", "..###..", ".#####.", "#######", "##.#.##", "...#...", "..###.."),
    _dots("...#...", "..###..", ".#####.", "#######", ".#####.", "..###..", "...#..."),
    _dots("..###..", "..###..", "##.#.##", "#######", "##.#.##", "...#...", "..###.."),
    _dots(".##.##.", "#######", "#######", "#######", ".#####.", "..###..", "...#..."),
)
RANKS = (  # ace to king
    _dots(".#.", "#.#", "###", "#.#", "#.#"),
    _dots("##.", "..#", ".#.", "#..", "###"),
    _dots("##.", "..#", ".#.", "..#", "##."),
    _dots("#.#", "#.#", "###", "..#", "..#"),
    _dots("###", "#..", "##.", "..#", "##."),
    _dots(".##", "#..", "###", "#.#", "###"),
    _dots("###", "..#", ".#.", ".#.", ".#."),
    _dots("###", "#.#", "###", "#.#", "###"),
    _dots("###", "#.#", "###", "..#", "##."),
    _dots("#.###", "#.#.#", "#.#.#", "#.#.#", "#.###"),
    _dots("..#", "..#", "..#", "#.#", ".#."),
    _dots("###", "#.#", "#.#", "###", "..#"),
    _dots("#.#", "#.#", "##.", "#.#", "#.#"),
)


def suit(number: Any, framed: bool = False) -> np.ndarray:
    """A card of a suit, uint8[HEIGHT, WIDTH, 3]."""
    return _card(SUITS[int(number)], RED if int(number) % 2 else BLACK, framed)


def rank(number: Any, framed: bool = False) -> np.ndarray:
    """A card of a rank, uint8[HEIGHT, WIDTH, 3]."""
    return _card(RANKS[int(number)].repeat(2, 0).repeat(2, 1), BLACK, framed)


def colour(number: Any, framed: bool = False) -> np.ndarray:
    """A card of a colour, 0 black and 1 red, uint8[HEIGHT, WIDTH, 3]."""
    return _card(np.ones((11, 7), bool), RED if int(number) else BLACK, framed)


def back() -> np.ndarray:
    """A covered card, uint8[HEIGHT, WIDTH, 3]."""
    picture = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
    picture[1:-1, 1:-1] = BACK
    return picture


def _card(dots: np.ndarray, ink: tuple[int, ...], framed: bool) -> np.ndarray:
    picture = np.full((HEIGHT, WIDTH, 3), FRAME if framed else PAPER, np.uint8)
    picture[1:-1, 1:-1] = PAPER
    height, width = dots.shape
    top, left = (HEIGHT - height) // 2, (WIDTH - width) // 2
    picture[top : top + height, left : left + width][dots] = ink
    return picture


def _felt(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), TABLE, np.uint8)


def table(cards: Sequence[np.ndarray], places: int | None = None) -> np.ndarray:
    """Cards in rows, uint8[H, W, 3].

    Args:
      cards: Pictures of cards.
      places: How many there is room for; by default as many as there are.
    """
    places = len(cards) if places is None else places
    rows, columns = -(-places // ROW), min(places, ROW)
    picture = _felt(rows * (HEIGHT + GAP) + GAP, columns * (WIDTH + GAP) + GAP)
    for i, card in enumerate(cards):
        top, left = GAP + i // ROW * (HEIGHT + GAP), GAP + i % ROW * (WIDTH + GAP)
        picture[top : top + HEIGHT, left : left + WIDTH] = card
    return picture.repeat(SCALE, 0).repeat(SCALE, 1)


def bars(shares: Any) -> np.ndarray:
    """A bar for each number from 0 to 1, uint8[H, W, 3]."""
    shares = np.asarray(shares)
    picture = _felt(BARS + 2 * GAP, len(shares) * 6 + GAP)
    for i, share in enumerate(shares):
        height = max(round(float(share) * BARS), 1)
        picture[GAP + BARS - height : GAP + BARS, GAP + 6 * i : GAP + 6 * i + 4] = BAR
    return picture.repeat(SCALE, 0).repeat(SCALE, 1)


def below(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Two pictures, one below the other, uint8[H, W, 3]."""
    picture = _felt(len(upper) + len(lower), max(upper.shape[1], lower.shape[1]))
    picture[: len(upper), : upper.shape[1]] = upper
    picture[len(upper) :, : lower.shape[1]] = lower
    return picture
