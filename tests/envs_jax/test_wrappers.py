import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs_jax
from envs_jax import spaces
from envs_jax.environment import Environment, EnvParams, EnvState
from envs_jax.testing import check_env
from envs_jax.wrappers import EpisodeStatistics, Flicker, FrameStack, PreviousAction, Vector
from envs_jax.wrappers.vectors import as_array_space


class Counter(Environment):
    """Shows the time plus one; pays the time; ends after three steps."""

    @property
    def default_params(self):
        return EnvParams(max_steps_in_episode=3)

    def begin(self, key, params):
        return EnvState(time=jnp.int32(0))

    def advance(self, key, state, action, params):
        state = state.replace(time=state.time + 1)
        return state, jnp.float32(state.time)

    def observe(self, state, params):
        return jnp.array([state.time + 1.0, -(state.time + 1.0)])

    def action_space(self, params=None):
        return spaces.Discrete(2)

    def observation_space(self, params=None):
        return spaces.Box(-4.0, 4.0, (2,))


def play(env, steps):
    key = jax.random.key(0)
    obs, state = env.reset(key)
    seen, infos = [obs], []
    for t in range(steps):
        obs, state, _, _, _, info = env.step(jax.random.fold_in(key, t), state, 0)
        seen.append(obs)
        infos.append(info)
    return np.array(seen), infos


def test_frame_stack_is_newest_first_and_zero_padded_after_a_reset():
    seen, infos = play(FrameStack(Counter(), 3), 4)
    expected = [
        [1, -1, 0, 0, 0, 0],
        [2, -2, 1, -1, 0, 0],
        [3, -3, 2, -2, 1, -1],
        [1, -1, 0, 0, 0, 0],  # the third step ended the episode
        [2, -2, 1, -1, 0, 0],
    ]
    np.testing.assert_array_equal(seen, expected)
    np.testing.assert_array_equal(infos[2]["final_observation"], [4, -4, 3, -3, 2, -2])


def test_previous_action_is_appended_and_forgotten_at_a_reset():
    env = PreviousAction(Counter())
    obs, state = env.reset(jax.random.key(0))
    np.testing.assert_array_equal(obs, [1, -1, 0, 0])
    expected = [[2, -2, 0, 1], [3, -3, 1, 0], [1, -1, 0, 0]]
    for action, after in zip([1, 0, 1], expected, strict=True):
        obs, state, _, _, _, info = env.step(jax.random.key(0), state, action)
        np.testing.assert_array_equal(obs, after)
    np.testing.assert_array_equal(info["final_observation"], [4, -4, 0, 1])


def test_frame_stack_of_one_changes_nothing():
    np.testing.assert_array_equal(play(FrameStack(Counter(), 1), 5)[0], play(Counter(), 5)[0])


@pytest.mark.parametrize(("probability", "blank"), [(0.0, 0.0), (1.0, 1.0), (0.3, 0.3)])
def test_flicker_blanks_whole_observations_with_its_probability(probability, blank):
    env = Flicker(Counter(), probability)
    reset, step = jax.vmap(env.reset), jax.vmap(env.step, (0, 0, None))
    keys = jax.random.split(jax.random.key(0), 4000)
    obs, state = reset(keys)
    for t in range(2):
        rows = np.asarray(obs)
        assert ((rows == 0).all(1) == (rows == 0).any(1)).all(), "an observation was blanked in part"
        assert abs((rows == 0).all(1).mean() - blank) < 0.03
        obs, state, *_ = step(jax.vmap(jax.random.fold_in, (0, None))(keys, t), state, 0)


def test_flicker_draws_anew_at_every_step():
    env = Flicker(Counter(), 0.5)
    blank = (play(env, 60)[0] == 0).all(1)
    assert 10 < blank.sum() < 50


def test_episode_statistics_sum_rewards_and_restart():
    _, infos = play(EpisodeStatistics(Counter()), 6)
    ended = [bool(info["episode"]["ended"]) for info in infos]
    assert ended == [False, False, True, False, False, True]
    for info in (infos[2], infos[5]):
        assert info["episode"]["return"] == 1 + 2 + 3 and info["episode"]["length"] == 3


def test_episode_statistics_leave_out_an_episode_seen_in_part():
    env = EpisodeStatistics(Counter())
    _, state = env.reset(jax.random.key(0))
    state = state.replace(whole=jnp.array(False))
    ended = []
    for _ in range(6):
        _, state, _, _, _, info = env.step(jax.random.key(0), state, 0)
        ended.append(bool(info["episode"]["ended"]))
    assert ended == [False] * 5 + [True]


def test_wrong_wrapper_arguments_are_refused():
    with pytest.raises(ValueError, match="at least 1 frame"):
        FrameStack(Counter(), 0)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Flicker(Counter(), 1.5)


def test_wrappers_pass_on_what_they_do_not_change():
    env, params = envs_jax.make("warehouse")
    env = EpisodeStatistics(FrameStack(Flicker(env, 0.1), 2))
    assert env.name == "warehouse" and env.num_actions == 4
    _, state = env.reset(jax.random.key(0), params)
    assert env.hidden(state).shape == (24,)
    assert env.render(state).dtype == np.uint8
    assert env.policies()["random"](jax.random.key(0), state, params).shape == ()
    assert env.d_set(params) == envs_jax.make("warehouse")[0].d_set(params)
    assert env.num_frames == 2 and FrameStack(env, 3).num_frames == 6
    silent = EpisodeStatistics(Counter())
    _, state = silent.reset(jax.random.key(0))
    assert silent.render(state) is silent.hidden(state) is silent.d_set() is silent.failure is None
    assert silent.policies() == {} and not silent.external


class Late(Counter):
    """Loses a life at time 1, ends at time 3, and begins again one step later, at time 4."""

    external = single = late_reset = has_lives = render_aligned = True

    def step(self, key, state, action, params=None):
        time = jnp.where(state.time == 4, 1, state.time + 1)
        state = state.replace(time=time)
        obs, over = self.observe(state, None), time == 3
        info = {"final_observation": obs, "reset_step": time == 4, "game_over": over}
        return obs, state, jnp.float32(time), (time == 1) | over, jnp.array(False), info


def test_the_static_choices_of_an_environment_hold_inside_wrappers():
    env = EpisodeStatistics(FrameStack(PreviousAction(Flicker(Late())), 2))
    assert env.external and env.single and env.late_reset and env.has_lives and env.render_aligned


def test_a_late_reset_step_is_no_part_of_an_episode_and_a_lost_life_no_end():
    seen, infos = play(EpisodeStatistics(FrameStack(Late(), 2)), 8)
    ended = [bool(info["episode"]["ended"]) for info in infos]
    assert ended == [False, False, True, False, False, False, True, False]
    assert [int(infos[t]["episode"]["length"]) for t in (2, 6)] == [3, 3]
    # Older frames outlive the lost life at time 1 and the end at time 3; the late reset at time 4 drops them.
    np.testing.assert_array_equal(seen[1], [2, -2, 1, -1])
    np.testing.assert_array_equal(seen[3], [4, -4, 3, -3])
    np.testing.assert_array_equal(seen[4], [5, -5, 0, 0])
    np.testing.assert_array_equal(seen[5], [2, -2, 5, -5])


class Showing(Counter):
    """Shows the time in another space."""

    def __init__(self, space, show):
        self.space, self.show = space, show

    def observe(self, state, params):
        return self.show(state.time)

    def observation_space(self, params=None):
        return self.space

    def d_set(self, params=None):
        return (len(self.space.sizes) - 1,) if isinstance(self.space, spaces.MultiDiscrete) else (0,)


VECTORS = {
    "discrete": (spaces.Discrete(4), lambda t: t, [[1, 0, 0, 0], [0, 1, 0, 0]], (0, 1, 2, 3)),
    "several discrete": (
        spaces.MultiDiscrete((4, 2)),
        lambda t: jnp.stack([t, t % 2]),
        [[1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1]],
        (4, 5),
    ),
    "one number": (spaces.Box(0.0, 3.0, ()), lambda t: t.astype(jnp.float32), [[0], [1]], (0,)),
}


@pytest.mark.parametrize("case", VECTORS)
def test_vector_makes_arrays_of_discrete_observations_and_single_numbers(case):
    space, show, expected, d_set = VECTORS[case]
    bare = Showing(space, show)
    with pytest.raises(ValueError, match="put Vector around Showing"):
        FrameStack(bare, 2)
    env = Vector(bare)
    seen, infos = play(env, 3)
    np.testing.assert_array_equal(seen[:2], expected)
    assert seen.dtype == np.float32 and infos[2]["final_observation"].shape == seen.shape[1:]
    assert env.observation_space() == as_array_space(space) and env.d_set() == d_set
    assert all(as_array_space(space).contains(row) for row in seen)
    check_env(EpisodeStatistics(FrameStack(PreviousAction(Flicker(env)), 2)), env.default_params, num_steps=8)
