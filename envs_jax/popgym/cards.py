"""POPGym's games whose cards are seen one after another: repeat, count, and guess higher or lower.

Every game ends, as ``terminated``, with its last card.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import OneOf, Whole
from envs_jax.environment import EnvState, Policy
from envs_jax.popgym import render
from envs_jax.popgym.deck import DECKS, KINDS, RANKS, SUITS, CardGame, deal, signed


class RepeatFirstState(EnvState):
    """``left``: cards left of each suit, int32[4]; ``card``, ``first``: suit shown, first suit, int32[]."""

    left: jax.Array
    card: jax.Array
    first: jax.Array


class RepeatFirst(CardGame):
    """Name the suit of the first card in every step.

    A right answer pays 1 / (cards - 1), a wrong one costs as much.

    Args:
      name: As `envs_jax.make` has it.
      num_decks: Decks of 52 cards.
    """

    LEVELS: ClassVar = {"easy": {"num_decks": 1}, "medium": {"num_decks": 8}, "hard": {"num_decks": 16}}
    RULES: ClassVar = {"num_decks": DECKS}

    def begin(self, key: jax.Array, params: Any) -> RepeatFirstState:
        card, left = deal(key[0, 0], self.full(SUITS))
        return RepeatFirstState(time=jnp.int32(0), left=left, card=card, first=card)

    def advance(self, key: jax.Array, state: RepeatFirstState, action: jax.Array, params: Any) -> Any:
        card, left = deal(key[1, 0], state.left)
        reward = signed(action == state.first) / (self.num_cards - 1)
        return state.replace(time=state.time + 1, left=left, card=card), reward

    def observe(self, state: RepeatFirstState, params: Any) -> jax.Array:
        """The suit shown, int32[]."""
        return state.card

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(SUITS)

    def observation_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(SUITS)

    def hidden(self, state: RepeatFirstState) -> dict[str, jax.Array]:
        """``first``: suit of the first card, int32[]; ``left``: share of each suit to come, float32[4]."""
        return {"first": state.first, "left": self.left_share(state.left)}

    def policies(self) -> dict[str, Policy]:
        """Without memory one repeats what is shown: right once, and later hardly worse than any other."""
        return super().policies() | {
            "without memory": lambda key, state, params: state.card,
            "perfect memory": lambda key, state, params: state.first,
        }

    def render(self, state: RepeatFirstState, params: Any = None) -> np.ndarray:
        """The first card, framed, and the one that is shown, uint8[H, W, 3]."""
        return render.table([render.suit(state.first, framed=True), render.suit(state.card)])


class RepeatPreviousState(EnvState):
    """``left``: cards left of each suit, int32[4]; ``recent``: suits of the last k cards, newest last, with
    zeros before the first, int8[k].
    """

    left: jax.Array
    recent: jax.Array


class RepeatPrevious(CardGame):
    """Name the suit of the card k - 1 cards before the one that is shown.

    From the k-th card on a right answer pays 1 / (cards - k), a wrong one costs as much.

    Args:
      name: As `envs_jax.make` has it.
      num_decks: Decks of 52 cards.
      k: 1 is the card that is shown, 2 the one before it, and so on.

    Raises:
      ValueError: There are not more than k cards.
    """

    LEVELS: ClassVar = {
        "easy": {"num_decks": 1, "k": 4},
        "medium": {"num_decks": 2, "k": 32},
        "hard": {"num_decks": 3, "k": 64},
    }
    RULES: ClassVar = {"num_decks": DECKS, "k": Whole(1, 1000)}

    def __init__(self, name: str, num_decks: int, k: int):
        super().__init__(name, num_decks)
        if k >= self.num_cards:
            raise ValueError(f"k must be less than the number of cards, {self.num_cards}, not {k}")
        self._k = k

    def begin(self, key: jax.Array, params: Any) -> RepeatPreviousState:
        card, left = deal(key[0, 0], self.full(SUITS))
        recent = jnp.zeros(self._k, jnp.int8).at[-1].set(card.astype(jnp.int8))
        return RepeatPreviousState(time=jnp.int32(0), left=left, recent=recent)

    def advance(self, key: jax.Array, state: RepeatPreviousState, action: jax.Array, params: Any) -> Any:
        card, left = deal(key[1, 0], state.left)
        paid = signed(action == state.recent[0]) / (self.num_cards - self._k)
        reward = jnp.where(state.time + 1 >= self._k, paid, 0)
        recent = jnp.append(state.recent[1:], card.astype(jnp.int8))
        return RepeatPreviousState(time=state.time + 1, left=left, recent=recent), reward

    def observe(self, state: RepeatPreviousState, params: Any) -> jax.Array:
        """The suit shown, int32[]."""
        return state.recent[-1].astype(jnp.int32)

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(SUITS)

    def observation_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(SUITS)

    def hidden(self, state: RepeatPreviousState) -> dict[str, jax.Array]:
        """``recent``: suits of the last k cards, int8[k]; ``left``: share of each suit left, float32[4]."""
        return {"recent": state.recent, "left": self.left_share(state.left)}

    def policies(self) -> dict[str, Policy]:
        """Without memory one names another suit than the one shown, of which there are more."""
        return super().policies() | {
            "without memory": lambda key, state, params: (state.recent[-1].astype(jnp.int32) + 1) % SUITS,
            "perfect memory": lambda key, state, params: state.recent[0].astype(jnp.int32),
        }

    def render(self, state: RepeatPreviousState, params: Any = None) -> np.ndarray:
        """The last k cards, newest last, and the one that is asked for framed, uint8[H, W, 3]."""
        seen = min(int(state.time) + 1, self._k)
        cards = [
            render.suit(suit, framed=seen == self._k and i == 0)
            for i, suit in enumerate(state.recent[-seen:])
        ]
        return render.table(cards, places=self._k)


class CountRecallState(EnvState):
    """``left``, ``left_queries``: cards left of each kind in the two decks, int32[kinds]; ``shown``: the card
    dealt and the one asked for, int32[2].
    """

    left: jax.Array
    left_queries: jax.Array
    shown: jax.Array


class CountRecall(CardGame):
    """Say how often the kind that is asked for has been dealt, the card just dealt among them.

    A right answer pays 1 / (cards - 1), a wrong one costs as much. What is asked for comes from another deck.

    Args:
      name: As `envs_jax.make` has it.
      num_decks: Decks of 52 cards, of those dealt and of those asked for.
      deck_type: "colors", "suits" or "ranks" are counted.
    """

    LEVELS: ClassVar = {
        "easy": {"num_decks": 1, "deck_type": "colors"},
        "medium": {"num_decks": 2, "deck_type": "suits"},
        "hard": {"num_decks": 4, "deck_type": "ranks"},
    }
    RULES: ClassVar = {"num_decks": DECKS, "deck_type": OneOf(KINDS)}
    cards_per_step = 2

    def __init__(self, name: str, num_decks: int, deck_type: str):
        super().__init__(name, num_decks)
        self._kinds = KINDS[deck_type]
        self._most = self.num_cards // self._kinds
        self._card = {"colors": render.colour, "suits": render.suit, "ranks": render.rank}[deck_type]

    def begin(self, key: jax.Array, params: Any) -> CountRecallState:
        full = self.full(self._kinds)
        return self._dealt(key[0], CountRecallState(jnp.int32(-1), full, full, jnp.zeros(2, jnp.int32)))

    def advance(self, key: jax.Array, state: CountRecallState, action: jax.Array, params: Any) -> Any:
        return self._dealt(key[1], state), signed(action == self._count(state)) / (self.num_cards - 1)

    def observe(self, state: CountRecallState, params: Any) -> jax.Array:
        """The kind dealt and the kind asked for, int32[2]."""
        return state.shown

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(self._most + 1)

    def observation_space(self, params: Any = None) -> spaces.MultiDiscrete:
        return spaces.MultiDiscrete((self._kinds, self._kinds))

    def hidden(self, state: CountRecallState) -> dict[str, jax.Array]:
        """Shares of each kind that were dealt, ``counts``, and asked for, ``query_counts``, float32[kinds];
        ``shown``: the observation, int32[2].
        """
        dealt, asked = (self._most - left for left in (state.left, state.left_queries))
        return {
            "counts": self.left_share(dealt),
            "query_counts": self.left_share(asked),
            "shown": state.shown,
        }

    def policies(self) -> dict[str, Policy]:
        """Without memory one always says a number of the middle; all there are but the ends do as well."""
        return super().policies() | {
            "without memory": lambda key, state, params: jnp.int32(self._most // 2),
            "perfect memory": lambda key, state, params: self._count(state),
        }

    def render(self, state: CountRecallState, params: Any = None) -> np.ndarray:
        """The card dealt, and the one asked for, framed, uint8[H, W, 3]."""
        dealt, asked = state.shown
        return render.table([self._card(dealt), self._card(asked, framed=True)])

    def _dealt(self, u: jax.Array, state: CountRecallState) -> CountRecallState:
        card, left = deal(u[0], state.left)
        query, left_queries = deal(u[1], state.left_queries)
        return CountRecallState(state.time + 1, left, left_queries, jnp.stack([card, query]))

    def _count(self, state: CountRecallState) -> jax.Array:
        return self._most - state.left[state.shown[1]]


class HigherLowerState(EnvState):
    """``left``: cards left of each rank, int32[13]; ``card``: the rank shown, int32[]."""

    left: jax.Array
    card: jax.Array


class HigherLower(CardGame):
    """Say whether the next card is higher (action 0) or lower (1) than the one shown; aces are lowest.

    A right guess pays 1 / cards, a wrong one costs as much, and an equal card pays nothing.

    Args:
      name: As `envs_jax.make` has it.
      num_decks: Decks of 52 cards.
    """

    LEVELS: ClassVar = {"easy": {"num_decks": 1}, "medium": {"num_decks": 2}, "hard": {"num_decks": 3}}
    RULES: ClassVar = {"num_decks": DECKS}

    def begin(self, key: jax.Array, params: Any) -> HigherLowerState:
        card, left = deal(key[0, 0], self.full(RANKS))
        return HigherLowerState(time=jnp.int32(0), left=left, card=card)

    def advance(self, key: jax.Array, state: HigherLowerState, action: jax.Array, params: Any) -> Any:
        card, left = deal(key[1, 0], state.left)
        paid = signed((card > state.card) == (action == 0)) / self.num_cards
        reward = jnp.where(card == state.card, 0, paid)
        return HigherLowerState(time=state.time + 1, left=left, card=card), reward

    def observe(self, state: HigherLowerState, params: Any) -> jax.Array:
        """The rank shown, int32[]."""
        return state.card

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """0 higher, 1 lower."""
        return spaces.Discrete(2)

    def observation_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(RANKS)

    def hidden(self, state: HigherLowerState) -> dict[str, jax.Array]:
        """``dealt``: share of each rank that was dealt, float32[13]."""
        return {"dealt": self.left_share(self.num_cards // RANKS - state.left)}

    def policies(self) -> dict[str, Policy]:
        """Without memory one says higher in the lower half; with it one counts the cards that are left."""

        def counting(key: jax.Array, state: HigherLowerState, params: Any) -> jax.Array:
            ranks = jnp.arange(RANKS)
            higher = jnp.where(ranks > state.card, state.left, 0).sum()
            lower = jnp.where(ranks < state.card, state.left, 0).sum()
            return (higher < lower).astype(jnp.int32)

        return super().policies() | {
            "without memory": lambda key, state, params: (state.card > RANKS // 2).astype(jnp.int32),
            "perfect memory": counting,
        }

    def render(self, state: HigherLowerState, params: Any = None) -> np.ndarray:
        """The card, and below it how many of each rank are left, uint8[H, W, 3]."""
        return render.below(
            render.table([render.rank(state.card)]), render.bars(state.left * RANKS / self.num_cards)
        )
