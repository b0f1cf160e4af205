"""`check_env` says which rule an environment breaks, and where."""

import broken_rules
import jax.numpy as jnp
import numpy as np
import pytest

from envs_jax import spaces
from envs_jax.environment import Environment, EnvParams, EnvState
from envs_jax.testing import ContractError, check_env
from envs_jax.warehouse import Warehouse
from envs_jax.wrappers import EpisodeStatistics, FrameStack


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
    NoSpace: r"action_space of NoSpace fails: NotImplementedError: NoSpace must define action_space",
    NoObservation: r"NoObservation must define observe\(state, params\) -> observation",
    ForeignActions: r"action_space must be one of envs_jax.spaces .*, not builtins.range",
    Raising: r"step of Raising fails in test_check_env\.py, line \d+, in Raising\._deeper: KeyError: 'the",
    Branching: r"test_check_env\.py, line \d+, in Branching\.advance: TracerBoolConversionError: Attempted",
    OtherFile: r"in broken_rules\.py, line \d+, in advance: TypeError: add got incompatible shapes",
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
    TwoActions: r"policy 'both' must return one action, of shape \(\), not \(2,\)",
    Failing: "step of Failing fails in step 0: the simulator has gone",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_check_env_says_which_rule_is_broken(broken):
    env = broken()
    with pytest.raises(ContractError, match=BROKEN[broken]) as refusal:
        check_env(env, env.default_params, num_steps=8)
    assert "\n" not in str(refusal.value)
    assert refusal.value.__context__ is None or refusal.value.__suppress_context__, "JAX's traceback is shown"


def test_check_env_looks_for_the_fault_inside_wrappers():
    env = EpisodeStatistics(FrameStack(Raising(), 2))
    with pytest.raises(ContractError, match=r"in Raising\._deeper"):
        check_env(env, env.default_params)


def test_check_env_wants_a_time_limit_and_an_environment():
    with pytest.raises(ContractError, match="have no max_steps_in_episode"):
        check_env(Mine(), object())
    with pytest.raises(ContractError, match="at least 1, not 0"):
        check_env(Mine(), EnvParams(max_steps_in_episode=0))
    with pytest.raises(ContractError, match="int is no envs_jax"):
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
