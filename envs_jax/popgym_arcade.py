"""POPGym Arcade's environments behind our contract: games on pixels, whole or partially observable (Wang et
al. 2025, arXiv 2503.01450).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import Flag, OneOf, check, check_name, needs
from envs_jax.environment import Environment, EnvParams, EnvState

PREFIX = "popgym_arcade:"
RULES = {"partial_obs": Flag(), "obs_size": OneOf((128, 256))}
LONGEST = 10_000
"""Steps that no game reaches: each has a limit of its own, under a name of its own."""


class State(EnvState):
    """``now``: the game's state; ``terminated`` and ``truncated``: what its last step said, bool[]."""

    now: Any
    terminated: jax.Array
    truncated: jax.Array


class PopgymArcade(Environment):
    """One of POPGym Arcade's games.

    Args:
      name: As POPGym Arcade knows it.
      partial_obs: Hide what has to be remembered.
      obs_size: Rows and columns of the picture.
    """

    def __init__(self, name: str, partial_obs: bool, obs_size: int):
        import popgym_arcade

        self.inner, self._theirs = popgym_arcade.make(name, partial_obs=partial_obs, obs_size=obs_size)
        self._name, self._size = name, obs_size

    @property
    def name(self) -> str:
        return PREFIX + self._name

    @property
    def default_params(self) -> EnvParams:
        return EnvParams(max_steps_in_episode=LONGEST)

    def begin(self, key: jax.Array, params: Any) -> State:
        _, now = self.inner.reset_env(key, self._theirs)
        no = jnp.zeros((), bool)
        return State(time=jnp.int32(0), now=jax.tree.map(jnp.asarray, now), terminated=no, truncated=no)

    def advance(
        self, key: jax.Array, state: State, action: jax.Array, params: Any
    ) -> tuple[State, jax.Array]:
        _, now, reward, ended, info = self.inner.step_env(key, state.now, action, self._theirs)
        now = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), now, state.now)
        # CartPole's own word for its time limit is "terminated".
        truncated = ended & info["truncated"]
        terminated = ended & (info["terminated"] | ~truncated)
        after = state.replace(time=state.time + 1, now=now, terminated=terminated, truncated=truncated)
        return after, jnp.asarray(reward, jnp.float32)

    def observe(self, state: State, params: Any) -> jax.Array:
        return self.inner.get_obs(state.now)

    def is_terminated(self, state: State, params: Any) -> jax.Array:
        return state.terminated

    def is_truncated(self, state: State, params: Any) -> jax.Array:
        return state.truncated

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(int(self.inner.action_space(self._theirs).n))

    def observation_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(0, 255, (self._size, self._size, 3), jnp.uint8)

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """What the agent sees, uint8[H, W, 3]."""
        return np.asarray(self.observe(state, params))


def make(name: str, **arguments: Any) -> Environment:
    """A game by POPGym Arcade's name.

    Args:
      name: Such as ``CountRecallEasy``.
      **arguments: ``partial_obs`` (true by default) and ``obs_size`` (128 or 256).

    Raises:
      ValueError: POPGym Arcade is not installed or has no such game, or an argument is wrong.
    """
    try:
        import popgym_arcade
    except ImportError as error:
        raise ValueError(
            f"{needs(error, 'popgym-arcade')}, and then pip install --no-deps "
            "popgym-arcade, because what this depends on overwrites gymnax (docs/other_suites.md)"
        ) from None
    check_name("POPGym Arcade", name, popgym_arcade.registration.REGISTERED_ENVIRONMENTS)
    given: dict[str, Any] = {"partial_obs": True, "obs_size": 128}
    return PopgymArcade(name, **given | check(arguments, RULES))
