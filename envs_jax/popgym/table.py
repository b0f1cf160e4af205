"""POPGym's games in which a whole deck lies on the table: repeat it backwards, and find pairs.

Shuffling a deck in every step, for the case that the episode ends with it, would cost most of the time. So
each step swaps two cards of the deck that the next episode will be played with (Fisher and Yates): an episode
has at least as many steps as cards, so that the deck is shuffled when it is needed. Under a shorter limit of
your own it is a random deck too, but not independent of the last one.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import OneOf
from envs_jax.environment import EnvState, Policy
from envs_jax.popgym import render
from envs_jax.popgym.base import PopGym
from envs_jax.popgym.deck import DECK, DECKS, KINDS, SUITS, shuffle_on, signed, sorted_deck

WATCH, PLAY = 1, 0
COVERED = -1


class TableState(EnvState):
    """``deck``: kinds of the cards, in their places, int8[n]; ``coming``: the next episode's, int8[n]."""

    deck: jax.Array
    coming: jax.Array


class TableGame(PopGym):
    """A game with a deck that is shuffled while the one before is played."""

    shares_key = True

    def __init__(self, name: str, deck: np.ndarray, longest: int, **time_limit: int):
        self.deck, self.num_cards = deck, len(deck)
        super().__init__(name, longest, **time_limit)

    def start(self, deck: jax.Array) -> Any:
        """The state in which a deck has just been laid out."""
        raise NotImplementedError

    def begin(self, key: jax.Array, params: Any) -> Any:
        return self.start(jax.random.permutation(key, jnp.asarray(self.deck)))

    def begin_after(self, key: jax.Array, last: Any, params: Any) -> Any:
        return self.start(last.coming)

    def next_deck(self, key: jax.Array, state: Any) -> jax.Array:
        """``coming`` one step later."""
        return shuffle_on(jax.random.uniform(key, (), jnp.float32), state.coming, state.time)


class Autoencode(TableGame):
    """Watch the suits of a deck, then name them from the last to the first.

    A right answer pays 1 / cards, a wrong one costs as much; while watching nothing does. The deck is dealt
    from its end. The last card is seen in the observation in which the agent is told to play. The episode
    ends, as ``terminated``, when all are named.

    Args:
      name: As `envs_jax.make` has it.
      num_decks: Decks of 52 cards.
    """

    LEVELS: ClassVar = {"easy": {"num_decks": 1}, "medium": {"num_decks": 2}, "hard": {"num_decks": 3}}
    RULES: ClassVar = {"num_decks": DECKS}

    def __init__(self, name: str, num_decks: int):
        super().__init__(name, sorted_deck(num_decks, "suits"), longest=2 * DECK * num_decks - 1)

    def start(self, deck: jax.Array) -> TableState:
        return TableState(time=jnp.int32(0), deck=deck, coming=deck)

    def advance(self, key: jax.Array, state: TableState, action: jax.Array, params: Any) -> Any:
        paid = signed(action == self._top(state)) / self.num_cards
        reward = jnp.where(self._mode(state) == PLAY, paid, 0)
        return state.replace(time=state.time + 1, coming=self.next_deck(key, state)), reward

    def observe(self, state: TableState, params: Any) -> tuple[jax.Array, jax.Array]:
        """1 while watching and 0 while playing, int32[]; the suit shown, 0 while playing, int32[]."""
        shown = jnp.where(state.time < self.num_cards, self._top(state), 0)
        return self._mode(state), shown

    def is_terminated(self, state: TableState, params: Any) -> jax.Array:
        return state.time >= self.longest

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(SUITS)

    def observation_space(self, params: Any = None) -> spaces.Tuple:
        return spaces.Tuple((spaces.Discrete(2), spaces.Discrete(SUITS)))

    def hidden(self, state: TableState) -> dict[str, jax.Array]:
        """``deck``: all suits, the first dealt last, int8[n]; ``mode``: as observed, int32[]; ``hand``: share
        of the cards dealt and not yet named, float32[1].
        """
        hand = (self._hand(state) / self.num_cards).astype(jnp.float32)
        return {"deck": state.deck, "mode": self._mode(state), "hand": hand[None]}

    def policies(self) -> dict[str, Policy]:
        """Without memory one repeats what is shown: the last card, and then always the same suit."""
        return super().policies() | {
            "without memory": lambda key, state, params: self.observe(state, params)[1],
            "perfect memory": lambda key, state, params: self._top(state),
        }

    def render(self, state: TableState, params: Any = None) -> np.ndarray:
        """The cards dealt and not yet named, the last one framed, uint8[H, W, 3]."""
        hand = int(self._hand(state))
        suits = np.asarray(state.deck)[::-1][:hand]
        cards = [render.suit(suit, framed=i == hand - 1) for i, suit in enumerate(suits)]
        return render.table(cards, places=self.num_cards)

    def _mode(self, state: TableState) -> jax.Array:
        return jnp.where(state.time < self.num_cards - 1, WATCH, PLAY)

    def _hand(self, state: TableState) -> jax.Array:
        """Cards dealt and not yet named."""
        return jnp.minimum(state.time + 1, self.longest - state.time)

    def _top(self, state: TableState) -> jax.Array:
        """Suit of the card dealt last of those not yet named; of an empty hand any."""
        return state.deck[self.num_cards - self._hand(state)].astype(jnp.int32)


class ConcentrationState(TableState):
    """Cards on a table.

    Attributes:
      up: Cards whose pair was found, bool[n].
      seen: Cards that were ever turned, which only the reference policies ask, bool[n].
      turned: Places of the cards turned in this try, in order, `COVERED` where there is none, int32[2].
    """

    up: jax.Array
    seen: jax.Array
    turned: jax.Array


class Concentration(TableGame):
    """Find pairs among covered cards, turning one in each step.

    A pair pays 2 / cards; a try without one costs the number of cards turned, divided by the most steps of an
    episode. A card that is up already ends the try. The episode ends as ``terminated`` when all pairs are
    found, and as ``truncated`` after twice as many steps as there are cards.

    Args:
      name: As `envs_jax.make` has it.
      num_decks: Decks of 52 cards.
      deck_type: Whether two cards of the same of "colors" or of "ranks" are a pair.
    """

    LEVELS: ClassVar = {
        "easy": {"num_decks": 1, "deck_type": "colors"},
        "medium": {"num_decks": 2, "deck_type": "colors"},
        "hard": {"num_decks": 1, "deck_type": "ranks"},
    }
    RULES: ClassVar = {"num_decks": DECKS, "deck_type": OneOf(("colors", "ranks"))}

    def __init__(self, name: str, num_decks: int, deck_type: str):
        longest = 2 * DECK * num_decks
        super().__init__(name, sorted_deck(num_decks, deck_type), longest, time_limit=longest)
        self._kinds = KINDS[deck_type]
        self._card = {"colors": render.colour, "ranks": render.rank}[deck_type]

    def start(self, deck: jax.Array) -> ConcentrationState:
        none = jnp.zeros(self.num_cards, bool)
        turned = jnp.full(2, COVERED, jnp.int32)
        return ConcentrationState(jnp.int32(0), deck, coming=deck, up=none, seen=none, turned=turned)

    def advance(self, key: jax.Array, state: ConcentrationState, action: jax.Array, params: Any) -> Any:
        second = self._is_open(state)
        first = jnp.where(second, state.turned[0], action)
        is_pair = second & (state.deck[first] == state.deck[action]) & (first != action)
        was_up = state.up[action]
        found = is_pair & ~was_up
        missed = was_up | second
        tried = jnp.where(second, 2, 1)
        reward = jnp.where(found, 2 / self.num_cards, jnp.where(missed, -tried / self.longest, 0))
        places = jnp.arange(self.num_cards)
        state = state.replace(
            time=state.time + 1,
            coming=self.next_deck(key, state),
            up=state.up | (found & ((places == first) | (places == action))),
            seen=state.seen | (places == action),
            turned=jnp.where(second, jnp.stack([first, action]), jnp.stack([action, COVERED])),
        )
        return state, reward.astype(jnp.float32)

    def observe(self, state: ConcentrationState, params: Any) -> jax.Array:
        """Kind of each card that is up or turned in this try; of the others the number of kinds, int32[n]."""
        return jnp.where(self._is_shown(state), state.deck, self._kinds).astype(jnp.int32)

    def is_terminated(self, state: ConcentrationState, params: Any) -> jax.Array:
        return state.up.all()

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """The card to turn."""
        return spaces.Discrete(self.num_cards)

    def observation_space(self, params: Any = None) -> spaces.MultiDiscrete:
        return spaces.MultiDiscrete((self._kinds + 1,) * self.num_cards)

    def hidden(self, state: ConcentrationState) -> dict[str, jax.Array]:
        """``deck``: kinds of all cards, int8[n]; ``up``: pairs found, bool[n]; ``first``, ``second``: places
        of the cards turned in this try, and the number of kinds where there is none, int32[].
        """
        first, second = jnp.where(state.turned == COVERED, self._kinds, state.turned)
        return {"deck": state.deck, "up": state.up, "first": first, "second": second}

    def policies(self) -> dict[str, Policy]:
        """Without memory one turns any card that is covered; a perfect memory knows all that were turned."""

        def covered(key: jax.Array, state: ConcentrationState, params: Any) -> jax.Array:
            return _any(key, ~self._is_shown(state))

        def remembering(key: jax.Array, state: ConcentrationState, params: Any) -> jax.Array:
            return self._pairing(key, state, known=state.seen)

        def knowing(key: jax.Array, state: ConcentrationState, params: Any) -> jax.Array:
            return self._pairing(key, state, known=jnp.ones(self.num_cards, bool))

        return super().policies() | {
            "without memory": covered,
            "perfect memory": remembering,
            "state known": knowing,
        }

    def render(self, state: ConcentrationState, params: Any = None) -> np.ndarray:
        """The table, with the cards turned in this try framed, uint8[H, W, 3]."""
        shown, turned = np.asarray(self._is_shown(state)), set(np.asarray(state.turned).tolist())
        deck = np.asarray(state.deck)
        cards = [
            self._card(deck[i], framed=i in turned) if shown[i] else render.back()
            for i in range(self.num_cards)
        ]
        return render.table(cards)

    def _is_open(self, state: ConcentrationState) -> jax.Array:
        """Whether one card has been turned and the second may follow, bool[]."""
        first, second = state.turned
        return (first != COVERED) & (second == COVERED) & ~state.up[first]

    def _is_shown(self, state: ConcentrationState) -> jax.Array:
        return state.up | (jnp.arange(self.num_cards)[:, None] == state.turned).any(1)

    def _pairing(self, key: jax.Array, state: ConcentrationState, known: jax.Array) -> jax.Array:
        """Turns a pair that is known, or else a card that is not."""
        places = jnp.arange(self.num_cards)
        useful = known & ~state.up
        partners = useful & (state.deck == state.deck[state.turned[0]]) & (places != state.turned[0])
        of_kind = (useful[:, None] & (state.deck[:, None] == jnp.arange(self._kinds))).sum(0)
        pairs = useful & (of_kind[state.deck] >= 2)
        good = jnp.where(self._is_open(state), partners, pairs)
        return _any(key, jnp.where(good.any(), good, ~known & ~state.up))


def _any(key: jax.Array, places: jax.Array) -> jax.Array:
    """One of some places, bool[n], with the same chance; the first of all where there is none."""
    return jnp.argmax(jnp.where(places, jax.random.uniform(key, places.shape), -1)).astype(jnp.int32)
