"""RockSample, rule by rule, on fields made by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs_jax
from envs_jax.reference import policy_returns, recorded
from envs_jax.rocksample import CHECK, EAST, NORTH, SAMPLE, SOUTH, WEST, RockSample, State

ENV = RockSample(size=4, rocks=2)
ENV.places = np.array([[0, 1], [3, 2]], np.int32)
PARAMS = ENV.default_params


def at(row, column, good=(True, False)):
    return State(
        time=jnp.int32(0),
        position=jnp.array([row, column], jnp.int32),
        good=jnp.array(good),
        reading=jnp.zeros(2, jnp.int32),
    )


def step(state, action, draw=0.0):
    return ENV.advance(jnp.full(4, draw), state, jnp.int32(action), PARAMS)


@pytest.mark.slow
def test_moves_go_by_one_cell_and_end_at_the_edge_of_the_field():
    for action, place in ((NORTH, (0, 1)), (EAST, (1, 2)), (SOUTH, (2, 1)), (WEST, (1, 0))):
        state, reward = step(at(1, 1), action)
        assert tuple(state.position) == place and reward == 0 and state.time == 1
    for action, place in ((NORTH, (0, 0)), (WEST, (0, 0))):
        assert tuple(step(at(0, 0), action)[0].position) == place
    assert tuple(step(at(3, 0), SOUTH)[0].position) == (3, 0)


def test_a_good_rock_pays_once_and_a_bad_one_costs():
    state, reward = step(at(0, 1), SAMPLE)
    assert reward == 10 and list(state.good) == [False, False] and tuple(state.position) == (0, 1)
    assert step(state, SAMPLE)[1] == -10
    assert step(at(3, 2), SAMPLE)[1] == -10
    state, reward = step(at(1, 1), SAMPLE)
    assert reward == 0 and list(state.good) == [True, False], "there is no rock"


def test_the_last_column_pays_and_ends_the_episode():
    state, reward = step(at(2, 2), EAST)
    assert reward == 10 and ENV.is_terminated(state, PARAMS)
    state, reward = step(at(2, 2), SOUTH)
    assert reward == 0 and not ENV.is_terminated(state, PARAMS)


@pytest.mark.parametrize("rock", [0, 1])
def test_a_check_reads_its_rock_alone_and_moves_nothing(rock):
    state, reward = step(at(1, 1), CHECK + rock, draw=0.0)
    truth = [1, -1][rock]
    assert list(state.reading) == [truth * (rock == 0), truth * (rock == 1)]
    assert reward == 0 and tuple(state.position) == (1, 1) and list(state.good) == [True, False]
    wrong, _ = step(at(1, 1), CHECK + rock, draw=0.999)
    assert wrong.reading[rock] == -truth
    assert not step(state, NORTH)[0].reading.any(), "a reading lasts for one observation"


@pytest.mark.slow
def test_a_reading_is_right_as_often_as_its_distance_says():
    """Chi-squared with one degree of freedom at each of eight distances: 10.8 is passed once in 1,000."""
    env, params = envs_jax.make("rocksample-11", rocks=1, half_distance=5)
    env.places = np.array([[0, 0]], np.int32)
    number = 20_000
    draws = jax.vmap(lambda key: env.draw(key, params))(jax.random.split(jax.random.key(0), number))
    for distance, (row, column) in {0: (0, 0), 1: (0, 1), 5: (3, 4), 10: (8, 6), 50**0.5: (5, 5)}.items():
        start = State(
            time=jnp.int32(0),
            position=jnp.array([row, column], jnp.int32),
            good=jnp.array([True]),
            reading=jnp.zeros(1, jnp.int32),
        )
        state, _ = jax.vmap(lambda draw, start=start: env.advance(draw, start, CHECK, params))(draws)
        wanted = (1 + 2 ** (-distance / 5)) / 2
        right = int((state.reading == 1).sum())
        assert right + int((state.reading == -1).sum()) == number
        if distance == 0:
            assert right == number, "a reading on the rock itself is wrong"
            continue
        errors = (right - number * wanted) ** 2 / (number * wanted * (1 - wanted))
        assert errors < 10.8, (distance, right / number, wanted)


def test_episodes_begin_anywhere_but_at_the_exit_with_each_rock_good_half_of_the_time():
    env, params = envs_jax.make("rocksample-11", size=4, rocks=3)
    keys = jax.random.split(jax.random.key(1), 12_000)
    _, state = jax.vmap(lambda key: env.reset(key, params))(keys)
    cells = np.asarray(state.position[:, 0] * 4 + state.position[:, 1])
    counts = np.bincount(cells, minlength=16).reshape(4, 4)
    assert (counts[:, 3] == 0).all()
    chi2 = ((counts[:, :3] - 1000) ** 2 / 1000).sum()
    assert chi2 < 31.3, counts  # 11 degrees of freedom, passed once in 1,000
    kinds = np.bincount(np.asarray(state.good) @ (1, 2, 4), minlength=8)
    assert ((kinds - 1500) ** 2 / 1500).sum() < 24.3, kinds  # 7 degrees of freedom


def test_the_observation_is_where_the_agent_is_and_what_it_read():
    state = at(2, 1).replace(reading=jnp.array([0, -1], jnp.int32))
    np.testing.assert_array_equal(ENV.observe(state, PARAMS), [0, 0, 1, 0, 0, 1, 0, 0, 0, -1])


def test_rocks_lie_on_different_cells_outside_of_the_exit_the_same_in_every_episode():
    env, _ = envs_jax.make("rocksample-15")
    again, _ = envs_jax.make("rocksample-15")
    other, _ = envs_jax.make("rocksample-15", layout=1)
    np.testing.assert_array_equal(env.places, again.places)
    assert not np.array_equal(env.places, other.places)
    assert len(np.unique(env.places, axis=0)) == 15 and env.places.min() >= 0
    assert (env.places.max(0) <= (14, 13)).all()
    assert envs_jax.make("rocksample-11")[0].places[:3].tolist() == PLACES, "recorded runs had another map"


PLACES = [[8, 5], [1, 0], [7, 5]]


def test_who_knows_the_rocks_takes_all_good_ones_and_leaves():
    env, params = envs_jax.make("rocksample-11")

    def episode(key):
        def move(loop):
            state, total = loop
            action = env.policies()["knows the rocks, nearest first"](key, state, params)
            state, reward = env.advance(jnp.zeros(13), state, action, params)
            return state, total + reward

        state = env.reset(key, params)[1]
        going = lambda loop: ~env.is_terminated(loop[0], params)  # noqa: E731
        return jax.lax.while_loop(going, move, (state, 0.0))[1], 10 * state.good.sum() + 10

    total, wanted = jax.vmap(episode)(jax.random.split(jax.random.key(0), 100))
    np.testing.assert_array_equal(total, wanted)


@pytest.mark.slow
def test_references_are_in_order_and_what_their_policies_earn():
    for name, rocks in (("rocksample-11", 11), ("rocksample-15", 15)):
        table = recorded(name, {})
        env, params = envs_jax.make(name)
        assert set(table) == set(env.policies())
        assert table["leaves at once"] == (10, 0)
        best, error = table["knows the rocks, nearest first"]
        assert abs(best - (10 + 5 * rocks)) < 4 * error
        assert table["random"][0] < 10
        if rocks == 11:
            policy = env.policies()["random"]
            returns = np.asarray(policy_returns(env, params, policy, jax.random.key(3), 2000))
            mean, error = table["random"]
            assert abs(returns.mean() - mean) < 4 * np.hypot(error, returns.std() / 2000**0.5)


def test_the_picture_shows_agent_rocks_and_exit():
    picture = ENV.render(at(2, 0))
    assert picture.shape == (48, 48, 3) and picture.dtype == np.uint8
    assert picture[2 * 12 + 6, 6].tolist() == [255] * 3
    assert picture[0, 12].tolist() == [80, 200, 120] and picture[36, 24].tolist() == [200, 80, 80]
    assert (picture[:, 36:] == 130).all()


WRONG = {
    "size": ({"size": 1}, "size must be a whole number from 2 to 100"),
    "rocks": ({"size": 3, "rocks": 7}, "rocks must be at most 6 on a field of size 3, not 7"),
    "distance": ({"half_distance": 0}, "half_distance must be a whole number from 1"),
    "name": ({"rock": 3}, "there is no 'rock'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_refused_in_one_sentence(case):
    arguments, sentence = WRONG[case]
    with pytest.raises(ValueError, match=sentence):
        envs_jax.make("rocksample-11", **arguments)
