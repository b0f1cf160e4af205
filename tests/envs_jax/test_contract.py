import copy
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from selection import quick_if

import envs_jax
from envs_jax import spaces
from envs_jax.testing import check_env
from envs_jax.wrappers import EpisodeStatistics, Flicker, FrameStack, PreviousAction

OURS = envs_jax.registered()
PICTURES = ("pong", "breakout")


def contract_case(name):
    """An environment, its params, and how long to play; short where pictures are drawn."""
    env, params = envs_jax.make(name)
    if name in PICTURES:
        return env, params.replace(max_steps_in_episode=30), {"num_steps": 40}
    return env, params, {}


@pytest.mark.parametrize("name", quick_if(lambda name: name in ("warehouse", "tmaze"), OURS))
def test_environment_keeps_the_contract(name):
    env, params, length = contract_case(name)
    check_env(env, params, **length)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.slow
def test_environment_keeps_the_contract_inside_every_wrapper(name):
    env, params, length = contract_case(name)
    env = Flicker(env, 0.5)
    if name not in PICTURES:  # the previous action joins vectors only
        env = PreviousAction(env)
    check_env(EpisodeStatistics(FrameStack(env, 3)), params, **length)


GAMES = ("asterix", "breakout", "freeway", "seaquest", "space-invaders")


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.slow
def test_games_of_minatar_keep_the_contract(game):
    pytest.importorskip("gymnax", reason="gymnax is not installed")
    env, params = envs_jax.make(f"minatar-{game}", max_steps_in_episode=30)
    check_env(env, params, num_steps=40)
    assert env.observation_space(params).dtype == jnp.bool_, "boards are stored as one byte per cell"


@pytest.mark.slow
def test_minatar_plays_as_gymnax_does():
    gymnax = pytest.importorskip("gymnax", reason="gymnax is not installed")
    ours, theirs = envs_jax.make("minatar-breakout"), gymnax.make("Breakout-MinAtar")
    states = [env.reset(jax.random.key(0), params)[1] for env, params in (ours, theirs)]
    for t in range(60):
        key = jax.random.key(t)
        steps = [
            env.step(key, state, t % 3, params)
            for (env, params), state in zip((ours, theirs), states, strict=True)
        ]
        states = [step[1] for step in steps]
        for a, b in zip(jax.tree.leaves(steps[0][:5]), jax.tree.leaves(steps[1][:5]), strict=True):
            np.testing.assert_array_equal(a, b)


def test_without_ale_a_game_of_ale_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(ValueError, match=r"it needs ale_py: pip install 'iam-jax\[atari\]'"):
        envs_jax.make("ale:Pong")


def test_discrete_space_samples_what_it_contains():
    space = spaces.Discrete(3)
    samples = jax.vmap(space.sample)(jax.random.split(jax.random.key(0), 100))
    assert set(np.asarray(samples)) == {0, 1, 2}
    assert space.contains(2) and not space.contains(3) and not space.contains(-1)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.uint8])
def test_box_space_samples_what_it_contains(dtype):
    space = spaces.Box(0, 255, (4, 5), dtype)
    sample = space.sample(jax.random.key(0))
    assert sample.shape == (4, 5) and sample.dtype == dtype
    assert space.contains(sample)
    assert not space.contains(sample[0]) and not space.contains(jnp.full((4, 5), 256))


class TestGymnax:
    """Our environments under gymnax 1.0's own registry and wrappers."""

    @pytest.fixture(scope="class", autouse=True)
    def registered(self):
        pytest.importorskip("gymnax", reason="gymnax is not installed")
        envs_jax.register_with_gymnax()
        envs_jax.register_with_gymnax()  # again does no harm

    @pytest.mark.parametrize("name", quick_if(lambda name: name == "warehouse", OURS))
    def test_registry_makes_them(self, name):
        import gymnax

        env, params = gymnax.make(name)
        assert env.name == name
        obs, state = env.reset(jax.random.key(0), params)
        obs, *_ = env.step(jax.random.key(1), state, 0, params)
        assert obs.shape == env.observation_space(params).shape

    def test_log_and_flatten_wrappers_follow_an_episode(self):
        import gymnax
        from gymnax.wrappers import FlattenObservationWrapper, LogWrapper

        env, params = gymnax.make("warehouse")
        env = LogWrapper(FlattenObservationWrapper(env))
        _, state = env.reset(jax.random.key(0), params)
        total = 0.0
        for t in range(100):
            key = jax.random.fold_in(jax.random.key(1), t)
            _, state, reward, terminated, truncated, info = env.step(key, state, t % 4, params)
            total += float(reward)
        assert bool(truncated) and not bool(terminated)
        assert info["returned_episode"] and info["returned_episode_lengths"] == 100
        assert info["returned_episode_returns"] == total

    def test_gym_wrapper_gives_gymnasium_spaces_and_steps(self):
        import gymnasium
        import gymnax
        from gymnax.wrappers import GymnaxToGymWrapper

        env = GymnaxToGymWrapper(gymnax.make("mini-warehouse")[0])
        assert env.action_space == gymnasium.spaces.Discrete(4)
        assert env.observation_space.shape == (37,)
        obs, _ = env.reset(seed=3)
        obs, _, terminated, truncated, _ = env.step(0)
        assert obs.shape == (37,) and not terminated and not truncated

    def test_vector_gym_wrapper_steps_a_batch(self):
        import gymnax
        from gymnax.wrappers import GymnaxToVectorGymWrapper

        env = GymnaxToVectorGymWrapper(copy.copy(gymnax.make("warehouse")[0]), num_envs=3)
        obs, _ = env.reset()
        assert obs.shape == (3, 73)
        obs, reward, *_ = env.step(jnp.zeros(3, jnp.int32))
        assert obs.shape == (3, 73) and reward.shape == (3,)

    def test_dm_env_and_sticky_action_wrappers_step(self):
        import gymnax
        from gymnax.wrappers import GymnaxToDmEnvWrapper, StickyActionWrapper

        env, params = gymnax.make("warehouse")
        env = GymnaxToDmEnvWrapper(StickyActionWrapper(env, 0.5))
        timestep = env.step(jax.random.key(1), env.reset(jax.random.key(0), params), 1, params)
        assert timestep.observation.shape == (73,) and timestep.discount == 1.0

    @pytest.mark.parametrize("name", ["CartPole-v1", "MemoryChain-bsuite", "Breakout-MinAtar"])
    def test_gymnax_environments_run_under_our_wrappers(self, name):
        env, params = envs_jax.make(name)
        env = EpisodeStatistics(FrameStack(Flicker(env, 0.5), 2))
        obs, state = jax.jit(env.reset)(jax.random.key(0), params)
        assert obs.shape == env.observation_space(params).shape
        step = jax.jit(env.step)
        for t in range(20):
            obs, state, *_ = step(jax.random.key(t), state, 0, params)
        assert obs.shape == env.observation_space(params).shape
