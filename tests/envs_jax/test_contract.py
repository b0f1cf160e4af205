import copy
import sys

import broken_rules
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs_jax
from envs_jax import spaces
from envs_jax.environment import Environment, EnvParams, EnvState
from envs_jax.testing import ContractError, check_env
from envs_jax.warehouse import Warehouse
from envs_jax.wrappers import EpisodeStatistics, Flicker, FrameStack, PreviousAction

OURS = envs_jax.registered()
PICTURES = ("pong", "breakout")


def contract_case(name):
    """An environment, its params, and how long to play; short where pictures are drawn."""
    env, params = envs_jax.make(name)
    if name in PICTURES:
        return env, params.replace(max_steps_in_episode=30), {"num_steps": 40}
    return env, params, {}


@pytest.mark.parametrize("name", OURS)
def test_environment_keeps_the_contract(name):
    env, params, length = contract_case(name)
    check_env(env, params, **length)


@pytest.mark.parametrize("name", OURS)
def test_environment_keeps_the_contract_inside_every_wrapper(name):
    env, params, length = contract_case(name)
    env = Flicker(env, 0.5)
    if name not in PICTURES:  # the previous action joins vectors only
        env = PreviousAction(env)
    check_env(EpisodeStatistics(FrameStack(env, 3)), params, **length)


@pytest.mark.parametrize("game", ["asterix", "breakout", "freeway", "seaquest", "space-invaders"])
def test_games_of_minatar_keep_the_contract(game):
    pytest.importorskip("gymnax", reason="gymnax is not installed")
    env, params = envs_jax.make(f"minatar-{game}", max_steps_in_episode=30)
    check_env(env, params, num_steps=40)
    assert env.observation_space(params).dtype == jnp.bool_, "boards are stored as one byte per cell"


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


def test_without_gymnax_a_game_of_minatar_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnax", None)
    with pytest.raises(ValueError, match=r"it needs gymnax: pip install 'iam-jax\[gymnax\]'"):
        envs_jax.make("minatar-breakout")


def test_without_ale_a_game_of_ale_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(ValueError, match=r"it needs ale_py: pip install 'iam-jax\[atari\]'"):
        envs_jax.make("ale:Pong")


class Broken(Warehouse):
    """A Warehouse with one rule broken at a time."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def step(self, key, state, action, params=None):
        obs, state, reward, terminated, truncated, info = super().step(key, state, action, params)
        if self.fault == "done":
            return obs, state, reward, terminated | truncated, info
        if self.fault == "dtype":
            obs = obs.astype(jnp.int32)
        if self.fault == "space":
            obs = obs + 2
        if self.fault == "final":
            info = info | {"final_observation": 1 - obs}
        if self.fault == "reward":
            reward = reward[None]
        if self.fault == "never ends":
            state = state.replace(time=jnp.zeros_like(state.time))
        return obs, state, reward, terminated, truncated, info

    def d_set(self, params=None):
        return (73,) if self.fault == "d-set" else super().d_set(params)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("done", "not 5 values"),
        ("dtype", "observation is int32"),
        ("space", "outside its space"),
        ("final", "final_observation must be the observation"),
        ("reward", "reward must be a scalar"),
        ("never ends", "no episode ended"),
        ("d-set", "outside the 73 variables"),
    ],
)
def test_check_env_rejects_a_broken_environment(fault, sentence):
    env = Broken(fault)
    with pytest.raises(AssertionError, match=sentence):
        check_env(env, env.default_params)


class Mine(Environment):
    """Counts to five and shows the count; a subclass breaks one rule."""

    @property
    def default_params(self):
        return EnvParams(max_steps_in_episode=5)

    def begin(self, key, params):
        return EnvState(time=jnp.int32(0))

    def advance(self, key, state, action, params):
        return state.replace(time=state.time + 1), jnp.float32(1)

    def observe(self, state, params):
        return jnp.full(2, state.time, jnp.float32)

    def action_space(self, params=None):
        return spaces.Discrete(2)

    def observation_space(self, params=None):
        return spaces.Box(0.0, 5.0, (2,))


class WrongShape(Mine):
    def observe(self, state, params):
        return jnp.zeros(3)


class WrongDtype(Mine):
    def observe(self, state, params):
        return jnp.zeros(2, jnp.uint8)


class NoSpace(Mine):
    action_space = Environment.action_space


class NoObservation(Mine):
    observe = Environment.observe


class ForeignActions(Mine):
    def action_space(self, params=None):
        return range(2)


class Raising(Mine):
    def advance(self, key, state, action, params):
        return self._deeper(state)

    def _deeper(self, state):
        raise KeyError("the \nthing")


class Branching(Mine):
    def advance(self, key, state, action, params):
        return (state, jnp.float32(0)) if state.time > 3 else super().advance(key, state, action, params)


class OtherFile(Mine):
    def advance(self, key, state, action, params):
        return broken_rules.advance(state)


class NotFinite(Mine):
    def advance(self, key, state, action, params):
        state, _ = super().advance(key, state, action, params)
        return state, 1.0 / (state.time - 3)


class BeginsOver(Mine):
    def is_terminated(self, state, params):
        return state.time == 0


class WrongOpening(Mine):
    def opening(self, params):
        return jnp.ones(2)


class ChangingState(Mine):
    def step(self, key, state, action, params=None):
        obs, state, *rest = super().step(key, state, action, params)
        return obs, state.replace(time=state.time.astype(jnp.float32)), *rest


class GrowingState(Mine):
    def step(self, key, state, action, params=None):
        obs, state, *rest = super().step(key, state, action, params)
        return obs, state.replace(time={"now": state.time}), *rest


class OnlyObservation(Mine):
    def reset(self, key, params=None):
        return self.observe(EnvState(time=jnp.int32(0)), params)


class NoFinalObservation(Mine):
    def step(self, key, state, action, params=None):
        return *super().step(key, state, action, params)[:5], {}


class NoLives(Mine):
    has_lives = True


class NumberedEnds(Mine):
    def is_terminated(self, state, params):
        return jnp.int32(0)

    def step(self, key, state, action, params=None):
        obs, state, reward, _, truncated, info = super().step(key, state, action, params)
        return obs, state, reward, jnp.int32(0), truncated, info


class GreyPicture(Mine):
    def render(self, state, params=None):
        return np.zeros((4, 4), np.uint8)


class TwoActions(Mine):
    def policies(self):
        return {"both": lambda key, state, params: jnp.zeros(2, jnp.int32)}


class Failing(Mine):
    external = single = True
    failure = "the simulator has gone"


BROKEN = {
    WrongShape: r"reset: observation has shape \(3,\), its space \(2,\)",
    WrongDtype: "reset: observation is uint8, its space float32",
    NoSpace: r"action_space of NoSpace fails: NotImplementedError: NoSpace must define action_space\(params\)",
    NoObservation: r"NoObservation must define observe\(state, params\) -> observation",
    ForeignActions: r"action_space must be one of envs_jax.spaces .*, not builtins.range",
    Raising: r"step of Raising fails in test_contract.py, line \d+, in Raising._deeper: KeyError: 'the",
    Branching: r"in test_contract.py, line \d+, in Branching.advance: TracerBoolConversionError: Attempted",
    OtherFile: r"in broken_rules.py, line \d+, in advance: TypeError: add got incompatible shapes",
    NotFinite: "reward is NaN or infinite in step 2",
    BeginsOver: "an episode begins terminated",
    WrongOpening: "opening must be what observe shows of every first state",
    ChangingState: r"step changes the leaf state.time from int32\[\] to float32\[\]",
    GrowingState: r"the state that reset returns has the leaf state.time, and that of step lacks it",
    OnlyObservation: "reset must return observation and state, not a ShapeDtypeStruct",
    NoFinalObservation: "info lacks 'final_observation'",
    NoLives: "info lacks 'game_over'",
    NumberedEnds: r"terminated must be a bool scalar, not int32 of shape \(\)",
    GreyPicture: r"render must return uint8\[H, W, 3\], not uint8\[4, 4\]",
    TwoActions: r"policy 'both' must return one action, not of shape \(2,\)",
    Failing: "step of Failing fails in step 0: the simulator has gone",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_check_env_says_which_rule_is_broken(broken):
    env = broken()
    with pytest.raises(ContractError, match=BROKEN[broken]) as refusal:
        check_env(env, env.default_params, num_steps=8)
    assert "\n" not in str(refusal.value) and refusal.value.__suppress_context__ is (
        " fails" in str(refusal.value) and broken is not Failing
    )


def test_check_env_looks_for_the_fault_inside_wrappers():
    env = EpisodeStatistics(FrameStack(Raising(), 2))
    with pytest.raises(ContractError, match="in Raising._deeper"):
        check_env(env, env.default_params)


def test_check_env_wants_a_time_limit_and_an_environment():
    with pytest.raises(ContractError, match="have no max_steps_in_episode"):
        check_env(Mine(), object())
    with pytest.raises(ContractError, match="at least 1, not 0"):
        check_env(Mine(), EnvParams(max_steps_in_episode=0))
    with pytest.raises(ContractError, match="int is no envs_jax.environment.Environment"):
        check_env(3, EnvParams())


class Parts(Mine):
    """Shows the time in several parts."""

    def __init__(self, count=lambda time: time):
        self.count = count

    def observe(self, state, params):
        return {"time": self.count(state.time), "both": (jnp.zeros(2), jnp.stack([state.time, 0]))}

    def observation_space(self, params=None):
        both = spaces.Tuple((spaces.Box(0.0, 1.0, (2,)), spaces.MultiDiscrete((6, 1))))
        return spaces.Dict({"time": spaces.Discrete(6), "both": both})


def test_observations_of_several_parts_are_checked_part_by_part():
    check_env(Parts(), Mine().default_params, num_steps=8)
    for count, sentence in (
        (lambda time: time + 1, r"observation\['time'\] outside its space, Discrete"),
        (lambda time: time / 9, r"observation\['time'\] is float32, its space int32"),
        (lambda time: (time,), r"observation\['time'\] must be one array, as its space is, not 1 values"),
    ):
        with pytest.raises(ContractError, match=sentence):
            check_env(Parts(count), Mine().default_params, num_steps=8)


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

    @pytest.mark.parametrize("name", OURS)
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
