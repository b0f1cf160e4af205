"""navix' environments behind our contract: MiniGrid's tasks (Pignatelli et al. 2024, arXiv 2407.19396)."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, OneOf, check, check_name, needs
from envs_jax.environment import Environment, EnvParams, EnvState

PREFIX = "navix:"
OBSERVATIONS = ("symbolic", "symbolic_first_person", "categorical", "categorical_first_person")
RULES = {"observation": OneOf(OBSERVATIONS), "max_steps_in_episode": TIME_LIMIT}
TRUNCATION, TERMINATION = 1, 2
"""navix' ``step_type`` of a step that ends an episode; of one that does both it is the second."""


class State(EnvState):
    """``now``: navix' timestep, without the pictures that it keeps for drawing."""

    now: Any


class Params(EnvParams):
    """``max_steps_in_episode``: what ``navix.make`` has by default."""

    max_steps_in_episode: int = struct.field(pytree_node=False, default=100)


class Navix(Environment):
    """One of navix' environments.

    Args:
      name: As navix knows it.
      observation: What is seen: the whole grid, or the 7 x 7 cells around an agent in first person; of each
        cell three numbers (symbolic) or one (categorical).
      max_steps_in_episode: The time limit.
    """

    def __init__(self, name: str, observation: str, max_steps_in_episode: int):
        import navix

        show = getattr(navix.observations, observation)
        self.inner = navix.make(name, max_steps=max_steps_in_episode, observation_fn=show)
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
        return State(time=jnp.int32(0), now=_lean(now))

    def advance(
        self, key: jax.Array, state: State, action: jax.Array, params: Any
    ) -> tuple[State, jax.Array]:
        before = state.now.replace(state=state.now.state.replace(key=key))
        now = self.inner._step(before, action)  # its public step begins the next episode by itself, late
        now = jax.tree.map(lambda new, old: jnp.asarray(new, jnp.result_type(old)), _lean(now), state.now)
        return state.replace(time=state.time + 1, now=now), now.reward.astype(jnp.float32)

    def observe(self, state: State, params: Any) -> jax.Array:
        return state.now.observation.astype(jnp.int8)

    def is_terminated(self, state: State, params: Any) -> jax.Array:
        return state.now.step_type == TERMINATION

    def is_truncated(self, state: State, params: Any) -> jax.Array:
        return state.now.step_type == TRUNCATION

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(len(self.inner.action_set))

    def observation_space(self, params: Any = None) -> spaces.Box:
        # Codes and no brightness, so not uint8, which networks read as 0 to 255.
        return spaces.Box(-1, 10, tuple(self.inner.observation_space.shape), jnp.int8)

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """The whole grid, uint8[H, W, 3]."""
        from navix import observations
        from navix.rendering.cache import RenderingCache

        inner = state.now.state
        return np.asarray(observations.rgb(inner.replace(cache=RenderingCache.init(inner.grid))))


def make(name: str, **arguments: Any) -> Environment:
    """An environment by navix' name.

    Args:
      name: Such as ``Navix-DoorKey-8x8-v0``.
      **arguments: ``observation`` (one of `OBSERVATIONS`; by default navix' own, symbolic) and
        ``max_steps_in_episode`` (100).

    Raises:
      ValueError: navix is not installed or has no such environment, or an argument is wrong.
    """
    try:
        import navix
    except ImportError as error:
        raise needs(error, "navix") from None
    check_name("navix", name, navix.registry())
    given: dict[str, Any] = {"observation": "symbolic", "max_steps_in_episode": 100}
    return Navix(name, **given | check(arguments, RULES))


def _lean(timestep: Any) -> Any:
    """A timestep without pictures, which would be stored for each environment, and without sums."""
    return timestep.replace(state=timestep.state.replace(cache=None), info={})
