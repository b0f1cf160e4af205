import jax
import pytest

import envs_jax
from envs_jax.arguments import LONGEST, Flag, Maybe, OneOf, Share, Whole, check, parse_arguments

RULES = {
    "size": Whole(3, 100, "it is small"),
    "chance": Share(),
    "fast": Flag(),
    "look": OneOf(("grey", "grid")),
    "most": Maybe(Whole(0, 1_000_000)),
}


def test_what_fits_is_returned_as_it_was_given():
    given = {"size": 3, "chance": 1, "fast": False, "look": "grid", "most": None}
    assert check(given, RULES) == given and check({}, RULES) == {}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("size", 2, "size must be a whole number from 3 to 100, not 2: it is small"),
        ("size", 101, "size must be a whole number from 3 to 100, not 101: it is small"),
        ("size", True, "size must be a whole number from 3 to 100, not True: it is small"),
        ("size", 7.0, "size must be a whole number from 3 to 100, not 7.0: it is small"),
        ("chance", float("nan"), "chance must lie in [0, 1], not nan"),
        ("chance", False, "chance must lie in [0, 1], not False"),
        ("chance", "half", "chance must lie in [0, 1], not 'half'"),
        ("fast", 1, "fast must be true or false, not 1"),
        ("look", "rgb", "look must be one of grey, grid, not 'rgb'"),
        ("look", ["grey"], "look must be one of grey, grid, not ['grey']"),
        ("most", -1, "most must be a whole number from 0 to 1,000,000, or none, not -1"),
        ("sise", 3, "there is no 'sise' (but size, chance, fast, look, most; perhaps size)"),
        ("zzz", 3, "there is no 'zzz' (but size, chance, fast, look, most)"),
    ],
)
def test_what_does_not_fit_is_refused_with_one_sentence(name, value, sentence):
    with pytest.raises(ValueError) as refusal:
        check({name: value}, RULES)
    assert str(refusal.value) == sentence


def test_arguments_are_read_as_python_does_or_as_texts():
    texts = ["a=11", "b=true", "c=none", "d=(6, 66)", "e=grid", "f=", "g=x=y", "h={[]: 1}", "i=0.5"]
    read = parse_arguments(texts)
    expected = [11, True, None, (6, 66), "grid", "", "x=y", "{[]: 1}", 0.5]
    assert list(read.values()) == expected
    for wrong in (["a"], ["=3"], ["a b=3"], ["a=1", "a=2"]):
        with pytest.raises(ValueError, match="each name once"):
            parse_arguments(wrong)


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("warehouse", {"size": 10**9}, "size must be a whole number from 3 to 100, not 1000000000"),
        ("mini-warehouse", {"size": 2}, "at least 3 x 3"),
        ("warehouse", {"lifetime": "foo"}, "lifetime must be a whole number from 1 to 1,000,000, not 'foo'"),
        ("warehouse", {"item_probability": 2}, "item_probability must"),
        ("warehouse", {"max_items": -1}, "max_items must"),
        ("warehouse", {"lifespan": 3}, "there is no 'lifespan'"),
        ("traffic", {"num_cars": 10**9}, "num_cars must be a whole number from 1 to 8"),
        ("pong", {"frame_skip": 10**9}, "frame_skip must be a whole number from 2 to 60"),
        *(
            (name, {"max_steps_in_episode": 2**31}, "max_steps_in_episode must")
            for name in envs_jax.registered()
        ),
    ],
)
def test_no_environment_can_be_asked_for_more_than_there_can_be(name, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        envs_jax.make(name, **arguments)


def test_the_longest_time_limit_can_be_compared_with_the_time():
    env, params = envs_jax.make("warehouse", max_steps_in_episode=LONGEST)
    _, state = env.reset(jax.random.key(0), params)
    *_, truncated, _ = env.step(jax.random.key(0), state, 0, params)
    assert not truncated
