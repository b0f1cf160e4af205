"""brax's environments behind our contract, whole or with only positions or velocities shown.

To show no velocities, or no positions, makes locomotion a memory task (Ni et al. 2022, "Recurrent model-free
RL can be a strong baseline for many POMDPs").
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, OneOf, check, check_name, needs
from envs_jax.environment import Environment, EnvParams, EnvState
from envs_jax.wrappers import Observe

PREFIX = "brax:"
SPLIT = ("ant", "halfcheetah", "hopper", "inverted_pendulum", "swimmer", "walker2d")
"""Environments whose observation is positions and then all velocities."""
RULES = {
    "observe": OneOf(("everything", "positions", "velocities")),
    "backend": OneOf(("generalized", "spring", "positional")),
    "max_steps_in_episode": TIME_LIMIT,
}


class State(EnvState):
    """``now``: brax's state; ``opening``: the one in which this environment's episodes begin."""

    now: Any
    opening: Any


class Params(EnvParams):
    """``max_steps_in_episode``: brax's own limit by default."""

    max_steps_in_episode: int = struct.field(pytree_node=False, default=1000)


class Brax(Environment):
    """One of brax's environments.

    Every environment of a batch begins all its episodes in the state in which it began the first one, as
    brax' own training does: to draw a new one costs as much as a step, in every step.

    Args:
      name: As brax knows it.
      backend: Of its physics.
      max_steps_in_episode: The time limit.
    """

    def __init__(self, name: str, backend: str, max_steps_in_episode: int):
        from brax import envs

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that brax is not developed further, in every call
            self.inner = envs.get_environment(name, backend=backend)
        self._name = name
        self._params = Params(max_steps_in_episode=max_steps_in_episode)

    @property
    def name(self) -> str:
        return PREFIX + self._name

    @property
    def default_params(self) -> Params:
        return self._params

    def begin(self, key: jax.Array, params: Any) -> State:
        now = self.inner.reset(key)
        return State(time=jnp.int32(0), now=now, opening=now)

    def begin_after(self, key: jax.Array, last: State, params: Any) -> State:
        return State(time=jnp.int32(0), now=last.opening, opening=last.opening)

    def advance(self, key: Any, state: State, action: jax.Array, params: Any) -> tuple[State, jax.Array]:
        now = self.inner.step(state.now, action)
        # Some of brax' environments return Python numbers in a step.
        now = jax.tree.map(lambda new, old: jnp.asarray(new, jnp.result_type(old)), now, state.now)
        return state.replace(time=state.time + 1, now=now), now.reward.astype(jnp.float32)

    def observe(self, state: State, params: Any) -> jax.Array:
        return state.now.obs.astype(jnp.float32)

    def is_terminated(self, state: State, params: Any) -> jax.Array:
        return state.now.done > 0

    def action_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(-1.0, 1.0, (self.inner.action_size,))

    def observation_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(-np.inf, np.inf, (self.inner.observation_size,))

    def hidden(self, state: State) -> dict[str, jax.Array]:
        """All positions and velocities of the joints."""
        return {"q": state.now.pipeline_state.q, "qd": state.now.pipeline_state.qd}


def make(name: str, **arguments: Any) -> Environment:
    """An environment by brax's name.

    Args:
      name: Such as ``hopper``.
      **arguments: ``observe`` (everything, positions or velocities), ``backend`` (generalized, spring or
        positional) and ``max_steps_in_episode``.

    Raises:
      ValueError: brax is not installed or has no such environment, or an argument is wrong.
    """
    try:
        from brax import envs
    except ImportError as error:
        raise needs(error, "brax") from None
    check_name("brax", name, set(envs._envs) - {"fast"})
    given: dict[str, Any] = {"observe": "everything", "backend": "spring", "max_steps_in_episode": 1000}
    given |= check(arguments, RULES)
    observe = given.pop("observe")
    env = Brax(name, **given)
    if observe == "everything":
        return env
    if name not in SPLIT:
        raise ValueError(f"observe chooses between positions and velocities of {', '.join(SPLIT)} alone")
    size = env.inner.observation_size
    number = size - env.inner.sys.qd_size()  # positions come first
    shown = range(number) if observe == "positions" else range(number, size)
    return Observe(env, tuple(shown))
