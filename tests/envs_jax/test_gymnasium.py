"""gymnasium's environments inside jit, and ours as gymnasium's."""

import os
import signal
import time

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs_jax
from envs_jax.environment import outcome
from envs_jax.gymnasium import Gymnasium
from envs_jax.testing import check_env


class Counting(gymnasium.Env):
    """Observes and pays the number of steps since the reset, which gives away a step learnt from by mistake.

    Every third episode is truncated, the others terminate, after as many steps as the seed says.
    """

    observation_space = gymnasium.spaces.Box(0, 100, (2,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, fails_at=None, render_mode=None):
        self.episode, self.fails_at, self.render_mode = 0, fails_at, render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count, self.episode, self.length = 0, self.episode + 1, int(self.np_random.integers(2, 6))
        return self._see(), {}

    def step(self, action):
        self.count += 1
        if self.fails_at == self.count:
            raise RuntimeError("the engine broke")
        over, late = self.count == self.length, self.episode % 3 == 0
        return self._see(), float(self.count), over and not late, over and late, {}

    def _see(self):
        return np.array([self.count, self.episode], float)


def play(env, steps=30, size=3, seed=0):
    """Outcomes of a batch, stacked [T, B, ...], of actions that change nothing."""
    params = env.default_params
    obs, state = jax.jit(jax.vmap(env.reset, (0, None)))(jax.random.split(jax.random.key(seed), size), params)
    one = lambda *step: outcome(env, env.step(*step, params))  # noqa: E731
    step = jax.jit(jax.vmap(one))
    seen = []
    for t in range(steps):
        now = step(jax.random.split(jax.random.key(t), size), state, jnp.zeros(size, jnp.int32))
        state = now.state
        seen.append(now)
    return obs, jax.tree.map(lambda *x: np.stack(x), *seen)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("autoreset", ["same_step", "next_step"])
def test_no_step_is_lost_or_learnt_from_twice(autoreset, workers):
    env = Gymnasium(Counting, "counting", workers=workers, autoreset=autoreset)
    assert env.late_reset == (autoreset == "next_step")
    obs, now = play(env)
    env.close()
    assert obs.dtype == jnp.float32 and not obs[:, 0].any()
    valid = np.ones_like(now.first) if now.reset_step is None else ~now.reset_step
    np.testing.assert_array_equal(now.reward[valid], now.final_obs[valid][:, 0], "a reward of another step")
    assert not now.reward[~valid].any(), "a step that only begins an episode pays"
    ended = now.terminated | now.truncated
    assert ended.any() and not (now.terminated & now.truncated).any()
    np.testing.assert_array_equal(now.obs[now.first][:, 0], 0, "an episode begins with another observation")
    np.testing.assert_array_equal(now.first, ended if now.reset_step is None else now.reset_step)
    late = now.final_obs[..., 1] % 3 == 0
    np.testing.assert_array_equal(now.truncated, ended & late, "truncated and terminated are mixed up")
    going = ~now.first
    np.testing.assert_array_equal(now.obs[going], now.final_obs[going])


@pytest.mark.slow
def test_workers_play_the_same_episodes_as_one_process_and_the_same_key_gives_them_again():
    trajectories = []
    for workers in (0, 1, 2, 0):
        env = envs_jax.make("gymnasium:CartPole-v1", workers=workers)[0]
        trajectories.append(play(env, steps=40))
        env.close()
    for other in trajectories[1:]:
        jax.tree.map(np.testing.assert_array_equal, trajectories[0], other)


def test_a_seed_of_another_key_gives_other_episodes():
    env, _ = envs_jax.make("gymnasium:CartPole-v1")
    assert not np.array_equal(play(env, steps=1)[0], play(env, steps=1, seed=1)[0])


def test_gymnasiums_cartpole_keeps_the_contract_inside_jit():
    env, params = envs_jax.make("gymnasium:CartPole-v1")
    check_env(env, params, num_steps=60)
    assert params.max_steps_in_episode == 500
    assert env.render(None) is None, "nothing to draw before an episode begins"
    play(env, steps=1, size=1)
    assert env.render(None).shape == (400, 600, 3)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_environment_that_raises_is_noted_and_returns_zeros(workers):
    import functools

    env = Gymnasium(functools.partial(Counting, fails_at=2), "failing", workers=workers)
    _, now = play(env, steps=4)
    env.close()
    assert "the engine broke" in env.failure and "\n" not in env.failure
    assert not now.reward[1:].any() and not now.obs[1:].any()
    if workers:
        assert "worker" in env.failure and "RuntimeError" in env.failure_details


@pytest.mark.slow
def test_a_killed_worker_is_noted_and_nothing_hangs():
    env = Gymnasium(Counting, "counting", workers=2)
    play(env, steps=2, size=4)
    processes = [worker._process for worker in env._batch(4)._workers]
    os.kill(processes[1].pid, signal.SIGKILL)
    began = time.monotonic()
    state = env.reset_all(4, jnp.arange(4))[1]
    jax.block_until_ready(env.step_all(4, state, jnp.zeros(4, jnp.int32)))
    assert env.failure == "The process of worker 1 was ended by SIGKILL."
    assert time.monotonic() - began < 10
    env.close()
    assert all(process.poll() is not None for process in processes), "a worker outlives its environment"


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("gymnasium:CartPole-v9", {}, "CartPole-v"),
        ("gymnasium:Cartpol-v1", {}, "did you mean CartPole-v1"),
        ("gymnasium:CartPole-v1", {"workers": -1}, "workers must be a whole number from 0"),
        ("gymnasium:CartPole-v1", {"autoreset": "never"}, "autoreset must be one of same_step, next_step"),
        ("gymnasium:CartPole-v1", {"gravity": 3}, "gravity"),
        ("gymnasium:no_such_module:Env-v0", {}, "no_such_module"),
        ("gymnasium:", {}, "gymnasium"),
    ],
)
def test_what_gymnasium_cannot_make_is_said_in_one_sentence(name, arguments, sentence):
    with pytest.raises(ValueError, match=r".") as error:
        envs_jax.make(name, **arguments)
    assert sentence in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["warehouse", "minatar-breakout"])
def test_ours_pass_gymnasiums_own_check(name):
    from gymnasium.utils.env_checker import check_env as theirs

    theirs(envs_jax.as_gymnasium(name), skip_render_check=True)


def test_one_and_many_of_ours_tell_an_end_as_gymnasium_does():
    env = envs_jax.as_gymnasium("mini-warehouse")
    first, _ = env.reset(seed=3)
    again, _ = env.reset(seed=3)
    np.testing.assert_array_equal(first, again)
    for _t in range(100):
        obs, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            break
    assert truncated and not terminated and env.observation_space.contains(obs)
    assert env.render().dtype == np.uint8

    many = envs_jax.as_gymnasium_vector("mini-warehouse", 3)
    obs, _ = many.reset(seed=0)
    for _t in range(200):
        assert many.observation_space.contains(obs)
        obs, reward, terminated, truncated, info = many.step(many.action_space.sample())
        if truncated.any():
            break
    assert info["_final_obs"].all() and info["final_obs"].shape == obs.shape
    assert not np.array_equal(info["final_obs"], obs)
    assert all(x.flags.writeable for x in (obs, reward, info["final_obs"])), "learners write into them"


class Quitting(Counting):
    def step(self, action):
        raise SystemExit(3)


def test_an_environment_that_ends_the_program_is_noted_like_any_failure():
    env = Gymnasium(Quitting, "quitting")
    _, now = play(env, steps=2)
    assert "SystemExit" in env.failure and not now.reward.any()


def test_no_step_overtakes_the_reset_of_the_same_program():
    env = Gymnasium(Counting, "counting")

    @jax.jit
    def begin_and_step(key):
        _, state = jax.vmap(env.reset)(jax.random.split(key, 3))
        return jax.vmap(env.step, (None, 0, None))(key, state, jnp.int32(0))[2]

    for seed in range(5):
        np.testing.assert_array_equal(begin_and_step(jax.random.key(seed)), 1, "a step of another episode")


@pytest.mark.slow
def test_workers_know_an_id_that_only_this_process_registered():
    gymnasium.register("OnlyHere-v0", entry_point=Counting)
    env, _ = envs_jax.make("gymnasium:OnlyHere-v0", workers=2)
    _, now = play(env, steps=5)
    env.close()
    assert env.failure is None and (now.reward > 0).any()
