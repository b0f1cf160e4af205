"""POPGym here beside the package itself; `popgym_replay` plays both."""

import dataclasses
import functools
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from popgym_replay import ADAPTERS, RECORDED, family, original, random_episodes_here, replay, summary
from scipy.stats import chi2_contingency, chisquare
from selection import quick_if

from envs_jax import make, spaces
from envs_jax.gymnasium_spaces import from_gymnasium
from envs_jax.popgym import FAMILIES, NAMES, PREFIX, bandit, cards, deck
from envs_jax.reference import recorded
from envs_jax.testing import check_env

FORGETTING = 1e-5
"""Rounding of a float32 sum of some hundred rewards."""
QUICK = [f"popgym-{task}-easy" for task in ("repeat-previous", "mine-sweeper", "position-only-pendulum")]
"""A deck of cards, a board, a body that moves."""


@pytest.fixture
def package():
    return pytest.importorskip(
        "popgym.envs", reason="popgym or mazelib is not installed (pip install -e '.[popgym]')"
    )


def easy(name):
    return name.endswith("-easy")


def test_every_family_is_compared():
    assert set(ADAPTERS) == set(FAMILIES)


def test_names_are_those_of_the_package(package):
    assert {type(original(name)) for name in NAMES} == set(package.ALL) and len(NAMES) == len(package.ALL)


def in_float32(space):
    """A space with bounds as the package rounds them."""
    if not isinstance(space, spaces.Box):
        return space
    return dataclasses.replace(space, low=float(np.float32(space.low)), high=float(np.float32(space.high)))


@pytest.mark.parametrize("name", NAMES)
def test_spaces_are_those_of_the_package(name, package):
    (env, params), theirs = make(name), original(name)
    assert from_gymnasium(theirs.action_space) == in_float32(env.action_space(params))
    assert from_gymnasium(theirs.observation_space) == in_float32(env.observation_space(params))


@pytest.mark.parametrize("name", quick_if(lambda name: name in QUICK, NAMES, in_ci=easy))
def test_environment_keeps_the_contract(name):
    env, params = make(name, max_steps_in_episode=40)
    check_env(env, params, num_envs=2, num_steps=45)


@pytest.mark.parametrize("name", [name for name in NAMES if easy(name)])
def test_every_step_is_that_of_the_package(name, package):
    found = replay(name, episodes=9)
    assert not found.differences, found
    assert found.events["episodes"] == 9 and found.events["successes"] >= 3, found.events


@pytest.mark.parametrize("name", quick_if(lambda name: False, NAMES, in_ci=easy))
def test_every_step_of_many_episodes_is_that_of_the_package(name, package):
    found = replay(name, episodes=200, seed=1)
    assert not found.differences, found
    assert found.events["episodes"] >= 200 and found.events["successes"] >= 60, found.events


def wrong(base, name, **numbers):
    """An environment of a class with a fault, and its params."""
    family_of, level = name.removeprefix(PREFIX).rsplit("-", 1)
    assert FAMILIES[family_of].endswith(base.__mro__[1].__name__)
    env = base(name, **base.LEVELS[level])
    return env, env.default_params


class AsksOneCardTooLate(cards.RepeatPrevious):
    def advance(self, key, state, action, params):
        later = state.replace(recent=jnp.roll(state.recent, -1))
        return super().advance(key, state, action, params)[0], super().advance(key, later, action, params)[1]


class PaysByAllCards(cards.RepeatPrevious):
    def advance(self, key, state, action, params):
        state, reward = super().advance(key, state, action, params)
        return state, reward * (self.num_cards - self._k) / self.num_cards


class CallsTheTimeLimitAnEnd(bandit.MultiarmedBandit):
    def is_terminated(self, state, params):
        return super().is_truncated(state, params)

    def is_truncated(self, state, params):
        return jnp.zeros((), bool)


@pytest.mark.parametrize(
    ("fault", "name", "differs"),
    [
        (AsksOneCardTooLate, "popgym-repeat-previous-easy", {"reward"}),
        (PaysByAllCards, "popgym-repeat-previous-easy", {"reward"}),
        (CallsTheTimeLimitAnEnd, "popgym-multiarmed-bandit-easy", {"terminated", "truncated"}),
    ],
)
def test_replay_rejects_wrong_rules(fault, name, differs, package):
    assert set(replay(name, 9, ours=wrong(fault, name)).differences) == differs


@pytest.mark.parametrize("name", ["popgym-repeat-first-easy", "popgym-higher-lower-easy"])
def test_replay_rejects_a_deck_with_replacement(name, package, monkeypatch):
    monkeypatch.setattr(cards, "deal", lambda u, left: (deck.deal(u, left)[0], left))
    (rest,) = {"left", "dealt"} & set(ADAPTERS[family(name)].hidden)
    assert {"observation", rest} <= set(replay(name, 9).differences)


def disagreements(name, episodes, ours=None):
    """Standard errors between mean returns and lengths, and chances of so different draws."""
    here, there = summary(random_episodes_here(name, episodes, ours=ours)), recording()[name]
    errors = {}
    for what in ("return", "length"):
        gap = abs(here[what]["mean"] - there[what]["mean"])
        errors[what] = max(gap - FORGETTING, 0) / (np.hypot(here[what]["se"], there[what]["se"]) + 1e-12)
    assert set(here["features"]) == set(there["features"])
    chances = {}
    for feature, counts in here["features"].items():
        others = there["features"][feature]
        values = sorted(set(counts) | set(others))
        table = [[one.get(value, 0) for value in values] for one in (counts, others)]
        chances[feature] = chi2_contingency(table).pvalue if len(values) > 1 else 1.0
    return errors, chances


@functools.cache
def recording():
    return json.loads(RECORDED.read_text())["names"]


def test_random_play_of_every_original_is_recorded():
    assert set(recording()) == set(NAMES)
    assert min(record["episodes"] for record in recording().values()) >= 2000


@pytest.mark.parametrize("name", quick_if(lambda name: name == "popgym-higher-lower-easy", NAMES, in_ci=easy))
def test_own_draws_are_distributed_as_in_the_package(name):
    errors, chances = disagreements(name, 10_000)
    assert max(errors.values()) < 4, errors
    # Some hundred tests in all: the least of their chances is rarely below one in a hundred thousand.
    assert min(chances.values(), default=1) > 1e-5, chances


def test_comparison_of_draws_rejects_a_deck_with_a_card_too_many(monkeypatch):
    name = "popgym-higher-lower-easy"
    env, params = make(name)
    monkeypatch.setattr(env, "full", lambda kinds: jnp.full(kinds, 4).at[0].set(12))
    _, chances = disagreements(name, 2000, ours=(env, params))
    assert chances["first"] < 1e-9


def shuffled(swap, count=5200, size=52):
    """How often each card came to each place, int[size, size]."""

    @jax.vmap
    def shuffle(key):
        def step(cards_now, at):
            time, key = at
            return swap(jax.random.uniform(key), cards_now, time), None

        start = jnp.arange(size, dtype=jnp.int8)
        return jax.lax.scan(step, start, (jnp.arange(size), jax.random.split(key, size)))[0]

    decks = np.asarray(jax.jit(shuffle)(jax.random.split(jax.random.key(0), count)))
    return np.stack([np.bincount(place, minlength=size) for place in decks.T])


def test_a_deck_shuffled_step_by_step_is_any_order_with_the_same_chance():
    counts = shuffled(deck.shuffle_on)
    assert (counts.sum(1) == 5200).all()
    assert chisquare(counts.reshape(-1), ddof=2 * 51).pvalue > 1e-3


def test_comparison_of_shuffles_rejects_one_that_never_leaves_a_card_in_its_place():
    def swap(u, cards_now, time):
        last = jnp.maximum(51 - time, 0)
        other = jnp.floor(u * last).astype(jnp.int32)
        return cards_now.at[last].set(cards_now[other]).at[other].set(cards_now[last])

    assert chisquare(shuffled(swap).reshape(-1), ddof=2 * 51).pvalue < 1e-9


@pytest.mark.parametrize("name", ["popgym-autoencode-easy", "popgym-concentration-easy"])
def test_the_next_deck_is_shuffled_while_one_plays(name):
    env, params = make(name)
    policy = env.policies()["state known" if "concentration" in name else "random"]

    @jax.vmap
    def second_deck(key):
        key_begin, key = jax.random.split(key)
        start = env.begin(key_begin, params)

        def step(state, key):
            action = policy(jax.random.fold_in(key, 1), state, params)
            over = env.is_terminated(state, params)
            after, _ = env.advance(key, state, action, params)
            return jax.tree.map(lambda a, b: jnp.where(over, a, b), state, after), None

        last = jax.lax.scan(step, start, jax.random.split(key, env.longest))[0]
        return start.deck, env.begin_after(key, last, params).deck, last.time

    first, second, length = map(np.asarray, second_deck(jax.random.split(jax.random.key(0), 3000)))
    assert length.min() >= env.num_cards - 1
    kinds = first.max() + 1
    assert (np.sort(second, 1) == np.sort(first, 1)).all(), "cards got lost"
    chances = [
        chi2_contingency([[((a == i) & (b == j)).sum() for j in range(kinds)] for i in range(kinds)]).pvalue
        for a, b in ((first[:, 0], second[:, 0]), (first[:, 0], second[:, 1]), (second[:, 0], second[:, 51]))
    ]
    assert min(chances[:2]) > 1e-3, "the second deck depends on the first"


@pytest.mark.parametrize("name", NAMES)
def test_memory_earns_more_than_none_in_the_record(name):
    table = recorded(name, {})
    assert set(table) == set(make(name)[0].policies())
    order = ["random", "without memory", "perfect memory", "state known"]
    ranked = [table[policy] for policy in order if policy in table]
    assert len(ranked) >= 2 and ranked[-1][0] > ranked[0][0] + 0.1, table
    for (less, error), (more, other) in itertools.pairwise(ranked):
        assert more > less - 4 * np.hypot(error, other) - 1e-4, table


@pytest.mark.parametrize("task", ["repeat-first", "repeat-previous", "autoencode", "count-recall"])
def test_a_perfect_memory_earns_all_there_is(task):
    for level in ("easy", "medium", "hard"):
        assert recorded(f"popgym-{task}-{level}", {})["perfect memory"][0] == 1


@pytest.mark.parametrize(
    ("name", "numbers", "sentence"),
    [
        ("popgym-repeat-previous-easy", {"k": 52}, "k must be less than the number of cards, 52, not 52"),
        (
            "popgym-count-recall-hard",
            {"deck_type": "jokers"},
            "deck_type must be one of colors, suits, ranks",
        ),
        ("popgym-repeat-first-easy", {"decks": 2}, "there is no 'decks'.* perhaps num_decks"),
        ("popgym-repeat-first-eazy", {}, "Did you mean popgym-repeat-first-easy"),
    ],
)
def test_what_cannot_be_made_ends_in_a_sentence(name, numbers, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(name, **numbers)


def test_other_numbers_than_a_levels_make_another_task():
    env, params = make("popgym-repeat-previous-easy", k=8, max_steps_in_episode=20)
    assert params.max_steps_in_episode == 20
    _, state = env.reset(jax.random.key(0), params)
    assert env.hidden(state)["recent"].shape == (8,)
