"""Craftax, navix and POPGym Arcade through their doors; each is tested where it is installed."""

import importlib.util
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs_jax
import iam_jax
from envs_jax import check_env

PACKAGES = {
    "craftax": "Craftax-Classic-Symbolic-v1",
    "navix": "Navix-DoorKey-5x5-v0",
    "popgym_arcade": "CountRecallEasy",
}
"""Package, whose name is the prefix -> one of its environments."""
EXTRAS = {name: name.replace("_", "-") for name in PACKAGES}
SMALL = {"num_envs": 8, "num_steps": 8, "bptt_length": 8, "minibatch_steps": 32, "burn_in": 0, "fc": (16,)}
SMALL |= {"num_evaluations": 1, "eval_episodes": 2, "final_episodes": 2, "max_eval_steps": 20}
IDENTITY = {"d_set": "identity", "hidden": 8, "joint": (8,)}
NETWORKS = [("iam", IDENTITY), ("rnn", {"hidden": 8}), ("fnn", {})]


def has(package):
    return importlib.util.find_spec(package) is not None


def needs(package):
    return pytest.mark.skipif(not has(package), reason=f"the extra {EXTRAS[package]} is not installed")


installed = pytest.mark.parametrize("package", [pytest.param(p, marks=needs(p)) for p in PACKAGES])


@installed
@pytest.mark.slow
def test_it_keeps_the_contract_and_draws_itself(package):
    env, params = envs_jax.make(f"{package}:{PACKAGES[package]}")
    check_env(env, params, num_envs=2, num_steps=20)
    _, state = env.reset(jax.random.key(0), params)
    picture = env.render(state, params)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3 and picture.std() > 0


@installed
def test_a_wrong_name_gives_near_misses(package):
    name = PACKAGES[package]
    with pytest.raises(ValueError, match=f"has no '{name}x'; there are .*{name}"):
        envs_jax.make(f"{package}:{name}x")
    with pytest.raises(ValueError, match="there is no 'size'"):
        envs_jax.make(f"{package}:{name}", size=3)


@installed
@pytest.mark.slow
@pytest.mark.parametrize(("model", "sizes"), NETWORKS)
def test_an_agent_trains(package, model, sizes, tmp_path):
    config = iam_jax.preset(f"{package}:{PACKAGES[package]}", model=model, total_steps=128, **SMALL, **sizes)
    run = iam_jax.train(config, run_dir=tmp_path / "run", display=False)
    assert isinstance(run.outcome, iam_jax.Finished)
    assert run.agent.film(tmp_path / "episode.gif") and (tmp_path / "episode.gif").stat().st_size > 0


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("name", ["", "X"])
def test_without_its_extra_one_sentence_says_which_to_install(package, name, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not there
    with pytest.raises(ValueError, match=rf"needs {package}.*: pip install 'iam-jax\[{EXTRAS[package]}\]'"):
        envs_jax.make(f"{package}:{name}")


def ends(env, params, choose, steps):
    """Terminated and truncated of each of the first steps."""
    _, state = env.reset(jax.random.key(1), params)
    flags = []
    for key in jax.random.split(jax.random.key(2), steps):
        _, state, _, terminated, truncated, _ = env.step(key, state, choose(state), params)
        flags.append((bool(terminated), bool(truncated)))
    return flags


@needs("craftax")
@pytest.mark.slow
def test_craftax_tells_death_from_the_time_limit():
    env, params = envs_jax.make("craftax:Craftax-Classic-Symbolic-v1", max_steps_in_episode=5)
    assert ends(env, params, lambda state: 0, 10) == [*[(False, False)] * 4, (False, True)] * 2
    _, state = env.reset(jax.random.key(0), params)
    dead = state.replace(now=state.now.replace(player_health=jnp.int32(-5)))
    _, begun, _, terminated, truncated, info = env.step(jax.random.key(1), dead, 0, params)
    assert terminated and not truncated and begun.time == 0 and begun.now.player_health > 0
    assert info["final_observation"].shape == env.observation_space(params).shape


@needs("craftax")
@pytest.mark.slow
def test_craftax_shows_what_it_shows_by_itself():
    env, params = envs_jax.make("craftax:Craftax-Classic-Pixels-v1")
    obs, state = env.reset(jax.random.key(0), params)
    np.testing.assert_allclose(obs / 255.0, env.inner.get_obs(state.now), atol=1 / 255)
    assert obs.dtype == jnp.uint8 and obs.max() > 50


@needs("navix")
def test_navix_tells_success_from_the_time_limit():
    env, params = envs_jax.make("navix:Navix-Empty-5x5-v0", max_steps_in_episode=6)
    assert ends(env, params, lambda state: 0, 6) == [*[(False, False)] * 5, (False, True)]
    # Two steps ahead, a turn to the right, two steps ahead: the goal is in the other corner.
    path = [2, 2, 1, 2, 2]
    flags = ends(env, params, lambda state: path[int(state.time)], 5)
    assert flags == [*[(False, False)] * 4, (True, False)]


@needs("navix")
def test_navix_has_four_observations():
    for observation, shape in {"categorical": (8, 8), "symbolic_first_person": (7, 7, 3)}.items():
        env, params = envs_jax.make("navix:Navix-DoorKey-8x8-v0", observation=observation)
        obs, _ = env.reset(jax.random.key(0), params)
        assert obs.shape == shape and env.observation_space(params).contains(obs)


@needs("popgym_arcade")
@pytest.mark.slow
def test_popgym_arcade_says_why_an_episode_ends():
    env, params = envs_jax.make("popgym_arcade:CountRecallEasy")
    flags = ends(env, params, lambda state: 0, 126)
    assert flags == [*[(False, False)] * 125, (False, True)]
    assert (True, False) in ends(env, params, lambda state: 4, 126), "all cards played"
