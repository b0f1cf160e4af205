import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy_traffic import NumpyTraffic
from selection import quick_if
from wrong_traffic import WRONG_PORTS

from envs_jax import make
from envs_jax.reference import episode_return, recorded
from envs_jax.traffic import Params, dynamics, network
from envs_jax.traffic.agreement import compare
from envs_jax.traffic.policies import clock
from envs_jax.traffic.sumo import Sumo, Trace

LIGHTS = ["north", "north yellow", "west", "west yellow"]


def numpy_trace(seed, params, actions=None):
    """One episode of the NumPy model, as SUMO's would be recorded."""
    rng = np.random.default_rng(seed)
    n, steps = params.num_cars, params.max_steps_in_episode
    model = NumpyTraffic(sigma=params.sigma, yellow=params.yellow_steps, limit=steps)
    routes = rng.integers(0, 2, n)
    model.reset(routes)
    if actions is None:
        held = np.arange(steps) // rng.integers(2, 40) % 2
        actions = rng.integers(0, 2, steps) if seed % 3 == 0 else held
    rows = []
    for action in actions:
        noise = rng.random(n)
        reward, done = model.step(action, noise)
        waiting = np.zeros(n)
        for car in model.cars:
            waiting[car.index] = car.waiting
        view = model.lane_view(n)
        rows.append((action, LIGHTS.index(model.light), *view, waiting, model.observe(), reward, noise, done))
        if done:
            break
    return Trace(routes, (-1, 0), *(np.array(column) for column in zip(*rows, strict=True)))


VARIANTS = [
    Params(),
    Params(sigma=0.0),
    Params(num_cars=8, sigma=1.0, yellow_steps=3, max_steps_in_episode=120),
    Params(num_cars=2, max_steps_in_episode=300),
]


@functools.cache
def numpy_traces(variant):
    return [numpy_trace(seed, VARIANTS[variant]) for seed in range(12)]


def assert_exact(agreement, metres):
    assert agreement.position < metres and agreement.speed < metres, agreement
    assert agreement.light == agreement.presence == agreement.reward == 0, agreement
    assert agreement.observation <= 1e-5 and agreement.episode_return < 1e-3, agreement


@pytest.mark.parametrize(("wide", "metres"), [(True, 1e-9), (False, 2e-3)])
@pytest.mark.parametrize("variant", quick_if(lambda variant: variant == 0, range(len(VARIANTS))))
def test_rules_replay_the_numpy_model(variant, wide, metres):
    with jax.enable_x64(wide):
        assert_exact(compare(numpy_traces(variant), VARIANTS[variant]), metres)


def test_cars_that_reach_the_ends_of_their_routes_leave_as_in_the_numpy_model():
    params = Params(max_steps_in_episode=300)
    actions = (np.arange(300) + 26) % 53 >= 26
    traces = [numpy_trace(seed, params, actions.astype(int)) for seed in range(4)]
    assert any(trace.done[-1] and len(trace.done) < 300 for trace in traces)
    assert_exact(compare(traces, params), 2e-3)


@pytest.mark.parametrize("wrong", WRONG_PORTS)
def test_comparison_rejects_wrong_rules(wrong, monkeypatch):
    wrong(monkeypatch)
    assert compare(numpy_traces(0), Params()).position > 0.1


def test_first_action_sets_the_light_and_a_change_takes_six_yellow_steps():
    params = Params()
    step = jax.jit(functools.partial(dynamics.step, params=params))
    for first in (0, 1):
        other = 1 - first
        state = dynamics.reset(np.zeros(6), params)
        assert state.light == dynamics.UNSET
        actions = [first, first, other] + [first] * 6 + [other, first]
        expected = [2 * first] * 2 + [2 * first + 1] * 6 + [2 * other] * 2 + [2 * other + 1]
        lights = []
        for action in actions:
            state, _ = step(state, action, np.zeros(6))
            lights.append(int(state.light))
        assert lights == expected


@pytest.mark.slow
def test_green_lasts_one_step_at_least_whatever_is_asked_for():
    params = Params(yellow_steps=2)
    state = dynamics.reset(np.zeros(6), params)
    lights = []
    for action in [0, 1, 0, 0, 0, 1, 1, 1]:
        state, _ = dynamics.step(state, action, np.zeros(6), params)
        lights.append(int(state.light))
    assert lights == [0, 1, 1, 2, 3, 3, 0, 1]


def test_an_episode_begins_with_an_empty_road_and_an_empty_observation():
    env, params = make("traffic")
    obs, state = env.reset(jax.random.key(0), params)
    assert (obs == 0).all() and not state.driving.any() and state.light == dynamics.UNSET
    assert (np.concatenate([x[None] for x in dynamics.lane_view(state)[:3]]) == -1).all()
    for probability in (0.0, 1.0):
        _, state = env.reset(jax.random.key(0), params.replace(west_start_probability=probability))
        assert (state.route == int(probability)).all()


def test_cars_appear_one_a_second_and_wait_for_room():
    params = Params(sigma=0.0)
    state = dynamics.reset(np.zeros(6), params)
    driving = []
    for _ in range(14):
        state, _ = dynamics.step(state, 0, np.zeros(6), params)
        driving.append(int(state.driving.sum()))
    assert driving[:4] == [1, 1, 2, 2] and driving[-1] == 6
    state = dynamics.reset(np.arange(6) % 2, params)
    for expected in (1, 2):
        state, _ = dynamics.step(state, 0, np.zeros(6), params)
        assert state.driving.sum() == expected


def at(lane, position):
    """A state with one car, which stands at a place."""
    index = [lane.name for lane in network.LANES].index(lane)
    line, ordinal = np.argwhere(index == network.ARM_LANES)[0]
    state = dynamics.reset(np.zeros(1), Params(num_cars=1))
    return state.replace(
        status=jnp.array([dynamics.DRIVING]),
        line=jnp.array([line]),
        to_line=jnp.array([network.LANE_END[line, ordinal] + network.LANE_LENGTH[index] - position]),
    )


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.slow
def test_every_place_is_seen_in_the_cell_that_the_numpy_model_names(wide):
    model, params = NumpyTraffic(), Params(num_cars=1)
    observe = jax.jit(lambda state: (dynamics.observe(state, params), dynamics.lane_view(state)))
    with jax.enable_x64(wide):
        for index, lane in enumerate(network.LANES):
            for position in np.arange(0.15, lane.length, 0.5):
                model.reset([0])
                model.cars = model.queue
                model.cars[0].s = network.LANE_LENGTH[:index].sum() + position
                seen, (ours, place, _, _) = observe(at(lane.name, position))
                np.testing.assert_array_equal(seen, model.observe(), f"{lane.name} {position}")
                assert ours[0] == index and abs(place[0] - position) < 1e-4


@pytest.mark.parametrize(
    ("lane", "position", "bits"),
    [
        ("L68_0", 34.0, [0]),  # y = 66: a border goes to the even cell, here the one in sight
        ("L68_0", 38.0, [0]),  # y = 62: again to the northernmost
        ("L68_0", 42.0, [2]),  # y = 58: to the third, so the second has none of its borders
        (":0_0_0", 4.0, [6, 23]),
        (":0_3_0", 8.0, [6, 23]),
        ("L61_0", 26.7, [14]),
        ("L61_0", 27.0, []),
        ("L65_0", 21.9, [29]),
        ("L65_0", 22.1, []),
        ("L64_0", 2.7, []),
        ("L64_0", 3.0, [15]),
        ("L67_0", 30.0, []),
    ],
)
def test_borders_of_cells_and_of_the_box(lane, position, bits):
    seen = dynamics.observe(at(lane, position), Params(num_cars=1))
    assert np.flatnonzero(seen).tolist() == bits


def test_a_larger_box_sees_further():
    env, params = make("traffic", num_cars=1, box=(6, 98))
    assert env.observation_space(params).shape == (46,)
    assert env.d_set(params) == (21, 22, 44, 45)
    seen = dynamics.observe(at("L65_0", 53.0), params)
    assert np.flatnonzero(seen).tolist() == [45]
    assert env.render(at("L65_0", 53.0)).shape[2] == 3


def test_observation_size_and_d_set_are_the_published_ones():
    env, params = make("traffic")
    assert env.observation_space(params).shape == (30,) and env.num_actions == 2
    assert env.d_set(params) == (13, 14, 28, 29)
    assert (params.max_steps_in_episode, params.sigma, params.yellow_steps) == (250, 0.5, 6)


def test_what_is_hidden_is_not_observed_and_shown_by_hidden():
    env, params = make("traffic", num_cars=1)
    place = at("L67_0", 30.0).replace(light=jnp.int32(1), yellow_left=jnp.int32(3), speed=jnp.array([7.0]))
    assert not env.observe(place, params).any()
    hidden = np.asarray(env.hidden(place))
    assert hidden.shape == (37,) and hidden[:5].tolist() == [0, 1, 0, 0, 3]
    assert hidden[5:21].argmax() == 12 and hidden[21:].max() == 7.0


@pytest.mark.slow
def test_numbers_can_be_swept_with_vmap():
    env, params = make("traffic")

    def place(sigma):
        swept = params.replace(sigma=sigma)
        _, state = env.reset(jax.random.key(0), swept)
        for t in range(5):
            _, state, *_ = env.step(jax.random.key(t), state, 0, swept)
        return state.to_line[0]

    still, calm, nervous = jax.vmap(place)(jnp.array([0.0, 0.2, 1.0]))
    assert still < calm < nervous


def test_auto_reset_draws_one_number_per_car():
    env, params = make("traffic")
    _, state = env.reset(jax.random.key(0), params)
    text = str(jax.make_jaxpr(env.step)(jax.random.key(1), state, 0, params))
    assert text.count("random_bits") == 1


@pytest.mark.parametrize("carried", [False, True])
def test_the_light_survives_a_reset_only_if_asked_for(carried):
    env, params = make("traffic", max_steps_in_episode=5, carry_light_over_resets=carried)
    _, state = env.reset(jax.random.key(0), params)
    for action in (0, 0, 0, 1, 1):
        obs, state, _, terminated, truncated, _ = env.step(jax.random.key(0), state, action, params)
    assert bool(truncated) and not bool(terminated) and state.time == 0
    assert not obs.any() and not state.driving.any()
    assert (int(state.light), int(state.yellow_left)) == ((1, 4) if carried else (dynamics.UNSET, 0))
    _, state, *_ = env.step(jax.random.key(0), state, 0, params)
    assert int(state.light) == (1 if carried else 0)


def test_an_episode_ends_when_all_cars_have_left():
    env, params = make("traffic", num_cars=1, sigma=0.0, west_start_probability=0.0)
    _, state = env.reset(jax.random.key(0), params)
    step = jax.jit(env.step)
    for t in range(250):
        # Green for the line that the car comes to.
        _, state, _, terminated, truncated, info = step(jax.random.key(t), state, state.line[0], params)
        if terminated:
            break
    assert bool(terminated) and not bool(truncated) and 213 < t < 250
    assert state.time == 0 and not info["final_observation"].any()


@pytest.mark.slow
def test_policies_earn_what_is_recorded():
    env, params = make("traffic")
    for name in ("always north", "clock 8", "best clock", "longest queue seen"):
        policy = env.policies()[name]
        play = jax.jit(jax.vmap(functools.partial(episode_return, env, params, policy)))
        returns = np.asarray(play(jax.random.split(jax.random.key(3), 300)))
        mean, error = recorded("traffic", {})[name]
        assert abs(returns.mean() - mean) < 4 * np.hypot(error, returns.std() / 300**0.5), name


def test_clock_changes_at_its_times():
    _, params = make("traffic")
    state = dynamics.reset(np.zeros(6), params)
    policy = clock(3, 2, phase=1)
    asked = [int(policy(None, state.replace(time=jnp.int32(t)), params)) for t in range(10)]
    assert asked == [0, 0, 1, 1, 0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"sigma": 1.5}, "sigma must lie in"),
        ({"yellow_steps": 0}, "yellow_steps must be a whole number from 1"),
        ({"max_steps_in_episode": 400}, "from 1 to 300"),
        ({"num_cars": 9}, "from 1 to 8"),
        ({"box": (6, 67)}, "high one of 42, 46"),
        ({"carry_light_over_resets": 1}, "true or false"),
        ({"cars": 3}, "there is no 'cars'"),
    ],
)
def test_impossible_arguments_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        make("traffic", **arguments)


def test_missing_sumo_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "libsumo", None)
    with pytest.raises(ValueError, match=r"pip install -e '.\[traffic\]'"):
        Sumo()
