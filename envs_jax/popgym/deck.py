"""Decks of cards: dealing and shuffling them.

The package shuffles a deck and deals from it. Where nothing tells whether the cards lie ready, a card is
drawn when it is dealt, each of those left with the same chance (`deal`). That is the same game, and decks of
up to 832 cards need not be shuffled in every step, for the case that the episode ends with it.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.arguments import Whole
from envs_jax.popgym.base import PopGym

DECK = 52
KINDS = {"colors": 2, "suits": 4, "ranks": 13}
"""What of a card counts -> how many kinds there are; in the package's words and order."""
SUITS, RANKS = KINDS["suits"], KINDS["ranks"]
DECKS = Whole(1, 100)


def deal(u: jax.Array, left: jax.Array) -> tuple[jax.Array, jax.Array]:
    """One of the cards that are left.

    Args:
      u: Uniform in [0, 1), float32[].
      left: Cards left of each kind, int32[kinds].

    Returns:
      The card's kind, int32[], and the cards left after it.
    """
    up_to = jnp.cumsum(left)
    kind = (jnp.floor(u * up_to[-1]) >= up_to).sum()
    return kind, left - (jnp.arange(len(left)) == kind)


class CardGame(PopGym):
    """A game in which every step deals ``cards_per_step`` cards, until none is left."""

    shares_key = True
    cards_per_step = 1

    def __init__(self, name: str, num_decks: int):
        self.num_cards = DECK * num_decks
        super().__init__(name, longest=self.num_cards - 1)

    def draw(self, key: jax.Array, params: Any) -> jax.Array:
        """Uniform numbers in [0, 1): row 0 deals the first cards of an episode, row 1 those of a step."""
        return jax.random.uniform(key, (2, self.cards_per_step), jnp.float32)

    def d_set(self, params: Any = None) -> tuple[int, ...]:
        """The card dealt: nothing else that is seen, and no action, must be remembered."""
        return (0,)

    def full(self, kinds: int) -> jax.Array:
        """Cards of each kind before any is dealt, int32[kinds]."""
        return jnp.full(kinds, self.num_cards // kinds, jnp.int32)

    def is_terminated(self, state: Any, params: Any) -> jax.Array:
        return state.time >= self.longest

    def left_share(self, left: jax.Array) -> jax.Array:
        """Which part of each kind is left, float32[kinds]."""
        return (left / (self.num_cards // len(left))).astype(jnp.float32)


def sorted_deck(num_decks: int, deck_type: str) -> np.ndarray:
    """Kinds of a deck's cards, in the package's order, int8[52 * num_decks]."""
    kinds, card = KINDS[deck_type], np.arange(DECK)
    one = card // 4 if deck_type == "ranks" else card % kinds
    return np.tile(one, num_decks).astype(np.int8)


def shuffle_on(u: jax.Array, deck: jax.Array, time: jax.Array) -> jax.Array:
    """One swap of a shuffle, which is done after as many as there are cards.

    Args:
      u: Uniform in [0, 1), float32[].
      deck: int8[n].
      time: Swaps before, int32[].
    """
    last = jnp.maximum(len(deck) - 1 - time, 0)
    other = jnp.floor(u * (last + 1)).astype(jnp.int32)
    return deck.at[last].set(deck[other]).at[other].set(deck[last])


def signed(right: jax.Array) -> jax.Array:
    """1 where an answer is right and -1 where it is not, float32."""
    return jnp.where(right, jnp.float32(1), jnp.float32(-1))
