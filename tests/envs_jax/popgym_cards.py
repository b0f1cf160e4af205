"""The games of cards and the bandit of popgym, as `popgym_replay` reads them."""

import itertools

import numpy as np
from popgym_adapter import Adapter

from envs_jax.popgym import bandit, cards, table
from envs_jax.popgym.deck import RANKS, SUITS

TIME = np.int32(0)


def left(deck, values, kinds):
    """Cards of each kind that have not been dealt, int32[kinds]."""
    return np.bincount(values[deck.idx[: deck.deck_len]], minlength=kinds).astype(np.int32)


def next_card(deck, values, kinds):
    """The number in [0, 1) which makes `deck.deal` deal the card that lies on top of the original's deck."""
    up_to, kind = np.cumsum(left(deck, values, kinds)), values[deck.idx[deck.deck_len - 1]]
    before = up_to[kind - 1] if kind else 0
    return np.float32((before + 0.5) / deck.deck_len)


def next_suit(env):
    return _step(next_card(env.deck, env.deck.suits_idx, SUITS))


def next_rank(env):
    return _step(next_card(env.deck, env.deck.ranks_idx, RANKS))


def next_two(env):
    decks_there, kinds = (env.value_deck, env.query_deck), env.num_distinct_cards
    return _step(*[next_card(deck, env.deck_idx_type, kinds) for deck in decks_there])


def _step(*numbers):
    return np.array([[0] * len(numbers), numbers], np.float32)


def repeat_first(env, ours):
    first = np.int32(env.card)
    return cards.RepeatFirstState(TIME, left(env.deck, env.deck.suits_idx, SUITS), first, first)


def repeat_previous(env, ours):
    recent = np.zeros(env.k, np.int8)
    recent[-1] = env.card
    return cards.RepeatPreviousState(TIME, left(env.deck, env.deck.suits_idx, SUITS), recent)


def count_recall(env, ours):
    kinds = env.num_distinct_cards
    counts = [left(deck, env.deck_idx_type, kinds) for deck in (env.value_deck, env.query_deck)]
    return cards.CountRecallState(TIME, *counts, np.array([env.value, env.query], np.int32))


def higher_lower(env, ours):
    rank = np.int32(env.deck.ranks_idx[env.deck["player"][-1]])
    return cards.HigherLowerState(TIME, left(env.deck, env.deck.ranks_idx, RANKS), rank)


def autoencode(env, ours):
    deck = env.deck.suits_idx[env.deck.idx].astype(np.int8)
    return table.TableState(TIME, deck, coming=deck)


def concentration(env, ours):
    deck = env.deck_idx_type[env.deck.idx].astype(np.int8)
    none = np.zeros(len(deck), bool)
    turned = np.full(2, table.COVERED, np.int32)
    return table.ConcentrationState(TIME, deck, coming=deck, up=none, seen=none, turned=turned)


def multiarmed_bandit(env, ours):
    return bandit.State(TIME, env.bandits.copy(), np.int32(0))


def next_pull(env):
    """What decides the next pull; rounded down, so that it lies below the same chances as the float64."""
    before = env.np_random.bit_generator.state
    number = env.np_random.random()
    env.np_random.bit_generator.state = before
    rounded = np.float32(number)
    if rounded > number:
        rounded = np.nextafter(rounded, np.float32(0))
    return np.append(np.zeros(env.num_bandits, np.float32), rounded)


def dealt(state, observations):
    """Cards at the beginning, in the middle and at the end of what was dealt, alone and in pairs."""
    return _pairs(observations[-1].reshape(len(observations[-1]), -1)[:, 0])


def dealt_in_autoencode(state, observations):
    return _pairs(observations[1][observations[0] == 1])


def asked(state, observations):
    both = observations[0]
    return dealt(state, observations) | {"asked": 20 * both[7, 0] + both[7, 1]}


def laid(state, observations):
    return _pairs(state.deck)


def _pairs(kinds):
    places = {"first": 0, "second": 1, "middle": len(kinds) // 2, "last": -1}
    some = {name: int(kinds[place]) for name, place in places.items()}
    names = list(some)
    pairs = {f"{a} and {b}": 20 * some[a] + some[b] for a, b in itertools.pairwise(names)}
    return some | pairs


def chances(state, observations):
    """Tenths of the chances of the first and the last arm."""
    tenths = (10 * state.chances).astype(int)
    return {"first": tenths[0], "last": tenths[-1], "greatest": (100 * state.chances.max()).astype(int) // 4}


ADAPTERS = {
    "repeat-first": Adapter(repeat_first, ("first", "left"), "perfect memory", next_suit, dealt),
    "repeat-previous": Adapter(repeat_previous, ("recent", "left"), "perfect memory", next_suit, dealt),
    "autoencode": Adapter(
        autoencode, ("deck", "mode", "hand"), "perfect memory", features=dealt_in_autoencode
    ),
    "count-recall": Adapter(
        count_recall, ("counts", "query_counts", "shown"), "perfect memory", next_two, asked
    ),
    "higher-lower": Adapter(higher_lower, ("dealt",), "perfect memory", next_rank, dealt),
    "concentration": Adapter(
        concentration, ("deck", "up", "first", "second"), "perfect memory", features=laid
    ),
    "multiarmed-bandit": Adapter(multiarmed_bandit, ("chances",), "state known", next_pull, chances),
}
