import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_warehouse import NumpyWarehouse
from selection import quick_if

from envs_jax import make
from envs_jax.warehouse import MINI_WAREHOUSE, WAREHOUSE, dynamics

VARIANTS = [(mini, legacy) for mini in (False, True) for legacy in (False, True)]


@functools.cache
def compiled(params):
    return (
        jax.jit(functools.partial(dynamics.reset, params=params)),
        jax.jit(functools.partial(dynamics.step, params=params)),
        jax.jit(functools.partial(dynamics.observe, params=params)),
    )


def assert_same(state, observe, params, model):
    slots = [k for k in np.argsort(-np.asarray(state.age), kind="stable") if state.age[k] >= 0]
    ours = [(*params.layout.slots[k], state.age[k]) for k in slots]
    assert ours == [tuple(item) for item in model.items], "items, ages or their list order differ"
    assert tuple(state.robot) == model.robot, "the robot stands elsewhere"
    np.testing.assert_array_equal(observe(state), model.observe(), "the observation differs")


@pytest.mark.parametrize(("mini", "legacy"), quick_if(lambda mini, legacy: not mini and legacy, VARIANTS))
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), crowd=st.sampled_from([0.05, 0.2, 0.6]), length=st.integers(1, 60))
def test_rules_replay_the_numpy_model(mini, legacy, seed, crowd, length):
    params = (MINI_WAREHOUSE if mini else WAREHOUSE).replace(legacy_removal=legacy)
    reset, step, observe = compiled(params)
    model = NumpyWarehouse(mini=mini, legacy_removal=legacy)
    rng = np.random.default_rng(seed)
    # Below 0.05 with probability `crowd`: full grids are where the orders of events matter.
    draws = rng.uniform(0, 0.05 / crowd, (length + 1, params.layout.num_slots)).astype(np.float32)
    actions = rng.integers(0, 4, length)

    model.reset(draws[0])
    state = reset(draws[0])
    assert_same(state, observe, params, model)
    for action, row in zip(actions, draws[1:], strict=True):
        state, reward = step(state, action, row)
        np.testing.assert_allclose(reward, model.step(action, row), rtol=1e-6)
        assert_same(state, observe, params, model)


@given(
    placed=st.lists(st.tuples(st.integers(0, 27), st.integers(0, 11)), max_size=20),
    robot=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    action=st.integers(0, 3),
)
@settings(max_examples=200, deadline=None)
@pytest.mark.slow
def test_legacy_removal_skips_what_a_shrinking_python_list_skips(placed, robot, action):
    params = WAREHOUSE.replace(legacy_removal=True)
    age = np.full(28, dynamics.EMPTY)
    for slot, value in placed:
        if age[params.layout.twin[slot]] == dynamics.EMPTY:
            age[slot] = value
    state = dynamics.State(time=jnp.int32(0), robot=jnp.array(robot), age=jnp.array(age))
    model = NumpyWarehouse(mini=False, legacy_removal=True)
    model.robot = robot
    order = np.argsort(-age, kind="stable")
    model.items = [[*map(int, params.layout.slots[k]), int(age[k])] for k in order if age[k] >= 0]
    no_spawn = np.ones(28, np.float32)
    _, step, observe = compiled(params)
    state, reward = step(state, action, no_spawn)
    assert reward == model.step(action, no_spawn)
    assert_same(state, observe, params, model)


@pytest.mark.slow
def test_a_corner_is_drawn_twice():
    for draw in (0, 14):
        draws = np.ones(28, np.float32)
        draws[draw] = 0.0
        state = dynamics.reset(draws, WAREHOUSE)
        ages = dynamics.item_ages(state, WAREHOUSE)
        assert ages[0] == 0 and (ages[1:] == dynamics.EMPTY).all()
    both = np.ones(28, np.float32)
    both[[0, 14]] = 0.0
    assert (dynamics.reset(both, WAREHOUSE).age >= 0).sum() == 1


@pytest.mark.parametrize(
    ("name", "size", "d_set"),
    [("warehouse", 73, (0, *range(49, 73))), ("mini-warehouse", 37, tuple(range(25, 37)))],
)
def test_observation_size_and_d_set_are_the_published_ones(name, size, d_set):
    env, params = make(name)
    assert env.observation_space(params).shape == (size,)
    assert env.d_set(params) == d_set


def test_default_params_are_the_published_numbers():
    _, params = make("warehouse")
    assert (params.max_steps_in_episode, params.item_probability, params.lifetime) == (100, 0.05, 8)
    assert not params.legacy_removal and params.max_items is None and params.layout.size == 7
    _, params = make("mini-warehouse")
    assert (params.max_steps_in_episode, params.item_probability, params.lifetime) == (96, 0.05, 16)
    assert params.max_items == 4 and params.layout.size == 5


def test_item_age_is_hidden_from_the_observation_and_shown_by_hidden():
    env, params = make("warehouse")
    draws = np.ones(28, np.float32)
    draws[3] = 0.0
    state = dynamics.reset(draws, params)
    older = state.replace(age=jnp.where(state.age == 0, 5, state.age))
    np.testing.assert_array_equal(env.observe(state, params), env.observe(older, params))
    assert env.hidden(state)[3] == 0 and env.hidden(older)[3] == 5


@pytest.mark.slow
def test_numbers_can_be_swept_with_vmap():
    _, params = make("warehouse")
    lifetimes = jnp.array([1, 8])
    swept = params.replace(lifetime=lifetimes)
    axes = params.replace(lifetime=0, item_probability=None, max_steps_in_episode=None)
    assert jax.tree.leaves(axes) == [0]

    def items_left(params):
        state = dynamics.reset(jnp.zeros(28), params)
        return (dynamics.step(state, jnp.int32(0), jnp.ones(28), params)[0].age >= 0).sum()

    left = jax.vmap(lambda life: items_left(params.replace(lifetime=life)))(swept.lifetime)
    assert left[0] == 0 and left[1] == 24


def test_larger_warehouse_is_one_argument():
    env, params = make("warehouse", size=11, lifetime=12, item_probability=0.1)
    assert env.observation_space(params).shape == (121 + 40,)
    obs, state = env.reset(jax.random.key(0), params)
    assert obs.shape == (161,) and env.render(state).shape == (352, 352, 3)


def test_auto_reset_draws_one_spawn_per_step():
    env, params = make("warehouse")
    _, state = env.reset(jax.random.key(0), params)
    text = str(jax.make_jaxpr(env.step)(jax.random.key(1), state, 0, params))
    assert text.count("random_unwrap") == 1 and "random_split" not in text


def test_auto_reset_starts_the_next_episode_in_the_middle():
    env, params = make("warehouse")
    _, state = env.reset(jax.random.key(0), params)
    late = state.replace(time=jnp.int32(99), robot=jnp.array([0, 0]))
    obs, new, _, terminated, truncated, info = env.step(jax.random.key(1), late, 0, params)
    assert bool(truncated) and not bool(terminated)
    assert new.time == 0 and obs[:49].argmax() == 24
    assert info["final_observation"][:49].argmax() == 0
    assert not ((new.age > 0).any()), "items of the old episode survive the reset"
