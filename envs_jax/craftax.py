"""Craftax' environments behind our contract (Matthews et al. 2024, arXiv 2402.16801).

The worlds, the rules and what is observed are Craftax' own. Its step says in one flag that an episode is
over; here death, lava and victory are ``terminated``, and the time limit is ``truncated``.
"""

import contextlib
import dataclasses
import importlib
import io
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, check, check_name, needs
from envs_jax.environment import Environment, EnvParams, EnvState

PREFIX = "craftax:"
NAMES = tuple(
    f"Craftax-{classic}{kind}-v1" for classic in ("", "Classic-") for kind in ("Symbolic", "Pixels")
)
RULES = {"max_steps_in_episode": TIME_LIMIT}
_NEVER = 2**31 - 1


class State(EnvState):
    """``now``: Craftax' state."""

    now: Any


class Params(EnvParams):
    """``max_steps_in_episode``: by default Craftax' own, 100,000, and 10,000 in the classic one."""

    max_steps_in_episode: int = struct.field(pytree_node=False, default=100_000)


class Craftax(Environment):
    """One of Craftax' environments.

    Args:
      name: One of `NAMES`.
      max_steps_in_episode: The time limit; by default Craftax' own.
    """

    def __init__(self, name: str, max_steps_in_episode: int | None = None):
        from craftax.craftax_env import make_craftax_env_from_name

        self._name, self._pixels = name, "Pixels" in name
        with contextlib.redirect_stdout(io.StringIO()):  # it tells of its textures
            self.inner = make_craftax_env_from_name(name, auto_reset=False)
        theirs = self.inner.default_params
        limit = max_steps_in_episode or theirs.max_timesteps
        # Our own count of steps ends an episode, and theirs never does.
        self._theirs = dataclasses.replace(theirs, max_timesteps=_NEVER)
        self._params = Params(max_steps_in_episode=limit)

    @property
    def name(self) -> str:
        return PREFIX + self._name

    @property
    def default_params(self) -> Params:
        return self._params

    def begin(self, key: jax.Array, params: Any) -> State:
        return State(time=jnp.int32(0), now=_typed(self.inner.reset_env(key, self._theirs)[1]))

    def advance(self, key: Any, state: State, action: jax.Array, params: Any) -> tuple[State, jax.Array]:
        _, now, reward, _, _ = self.inner.step_env(key, state.now, action, self._theirs)
        now = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), now, state.now)
        return state.replace(time=state.time + 1, now=now), jnp.asarray(reward, jnp.float32)

    def observe(self, state: State, params: Any) -> jax.Array:
        """What Craftax shows; pixels as bytes, which it divides by 255."""
        obs = self.inner.get_obs(state.now)
        return jnp.round(obs * 255).astype(jnp.uint8) if self._pixels else obs.astype(jnp.float32)

    def is_terminated(self, state: State, params: Any) -> jax.Array:
        return self.inner.is_terminal(state.now, self._theirs)

    def action_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(self.inner.num_actions)

    def observation_space(self, params: Any = None) -> spaces.Box:
        shape = tuple(self.inner.observation_space(self._theirs).shape)
        if self._pixels:
            return spaces.Box(0, 255, shape, jnp.uint8)
        return spaces.Box(-np.inf, np.inf, shape)  # Craftax says 0 to 1, and goes beyond it

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """What the agent sees, in Craftax' larger textures, uint8[H, W, 3]."""
        return np.clip(np.asarray(self._draw(state.now)), 0, 255).astype(np.uint8)

    @cached_property
    def _draw(self) -> Any:
        if "Classic" in self._name:
            from craftax.craftax_classic import constants, renderer
        else:
            from craftax.craftax import constants, renderer
        with contextlib.redirect_stdout(io.StringIO()):
            return jax.jit(renderer.make_craftax_pixel_renderer(constants.BLOCK_PIXEL_SIZE_IMG))


def make(name: str, **arguments: Any) -> Environment:
    """An environment by Craftax' name.

    Args:
      name: One of `NAMES`, such as ``Craftax-Symbolic-v1``.
      **arguments: ``max_steps_in_episode``.

    Raises:
      ValueError: Craftax is not installed, has no such environment or only half of its textures, or an
        argument is wrong.
    """
    try:
        importlib.import_module("craftax.craftax_env")
    except ImportError as error:
        raise needs(error, "craftax") from None
    check_name("Craftax", name, NAMES)
    try:
        return Craftax(name, **check(arguments, RULES))
    except EOFError:  # a kill while they were written
        raise ValueError(
            "Craftax' stored textures are cut short: make them again with CRAFTAX_RELOAD_TEXTURES=1 set once"
        ) from None


def _typed(state: Any) -> Any:
    """With arrays in place of Python's numbers."""
    return jax.tree.map(jnp.asarray, state)
