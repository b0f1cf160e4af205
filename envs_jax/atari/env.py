"""Pong and Breakout as environments: adapts their rules to the contract."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.atari.breakout import draw as breakout_draw
from envs_jax.atari.breakout import dynamics as breakout_rules
from envs_jax.atari.breakout.policies import POLICIES as BREAKOUT_POLICIES
from envs_jax.atari.console import Params
from envs_jax.atari.pong import draw as pong_draw
from envs_jax.atari.pong import dynamics as pong_rules
from envs_jax.atari.pong.policies import POLICIES as PONG_POLICIES
from envs_jax.atari.screen import SIZE
from envs_jax.environment import Environment, Step, select


class AtariGame(Environment):
    """What the two games share; see their rules in `envs_jax.atari.pong` and `envs_jax.atari.breakout`.

    The frame skip is part of the program; every other field of the params may change between calls.
    """

    rules: Any
    pictures: Any
    actions: int
    reference: dict[str, Callable[..., jax.Array]]
    render_aligned = True

    def __init__(self, params: Params | None = None):
        self._params = Params() if params is None else params

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    @property
    def default_params(self) -> Params:
        return self._params

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Params | None = None) -> Step:
        """As `Environment.step`, with one picture drawn.

        Every game opens with the same picture, which is therefore drawn once for a whole batch.
        """
        params = self._params if params is None else params
        stepped, reward = self.rules.step(state, action, params)
        terminated = self.is_terminated(stepped, params)
        truncated = self.is_truncated(stepped, params)
        ended = terminated | truncated
        final_obs = self.pictures.draw(stepped)
        opening = self.pictures.draw(self.rules.reset(jnp.int32(0)))
        state = select(ended, self._first(key, params), stepped)
        obs = jnp.where(ended, opening, final_obs)
        info = {"terminated": terminated, "truncated": truncated, "final_observation": final_obs}
        return obs, state, reward, terminated, truncated, info

    def step_env(
        self, key: jax.Array, state: Any, action: jax.Array, params: Params
    ) -> tuple[jax.Array, Any, jax.Array, jax.Array, dict[str, Any]]:
        state, reward = self.rules.step(state, action, params)
        return self.pictures.draw(state), state, reward, self.is_terminated(state, params), {}

    def reset_env(self, key: jax.Array, params: Params) -> tuple[jax.Array, Any]:
        state = self._first(key, params)
        return self.pictures.draw(state), state

    def observe(self, key: jax.Array, state: Any, action: jax.Array | None, params: Params) -> jax.Array:
        """The brighter of the last two frames, grey and reduced by area, uint8[84, 84, 1]."""
        return self.pictures.draw(state)

    def is_terminated(self, state: Any, params: Params) -> jax.Array:
        """Whether the game is over, bool[]."""
        return self.rules.is_over(state)

    def action_space(self, params: Params | None = None) -> spaces.Discrete:
        """ALE's minimal actions: NOOP, FIRE, RIGHT, LEFT; in Pong also RIGHTFIRE and LEFTFIRE."""
        return spaces.Discrete(self.actions)

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        return spaces.Box(0, 255, (SIZE, SIZE, 1), jnp.uint8)

    def policies(self) -> dict[str, Callable[..., jax.Array]]:
        """Reference policies that need no learning; see the ``policies`` beside the rules."""
        return dict(self.reference)

    def render(self, state: Any, params: Params | None = None) -> np.ndarray:
        """The last frame in colour, uint8[420, 640, 3]."""
        return self.pictures.render(state)

    def _first(self, key: jax.Array, params: Params) -> Any:
        return self.rules.reset(jax.random.randint(key, (), 0, params.max_noops + 1))


class Pong(AtariGame):
    """The player has the right paddle; the reward is 1 per point won and -1 per point lost, up to 21."""

    rules, pictures, actions, reference = pong_rules, pong_draw, 6, PONG_POLICIES


class Breakout(AtariGame):
    """Five balls for two walls; the reward is the points of a brick, 1, 4 or 7. FIRE serves."""

    rules, pictures, actions, reference = breakout_rules, breakout_draw, 4, BREAKOUT_POLICIES


def pong(**params: Any) -> Pong:
    """Pong, or Pong with other numbers: see `Params`."""
    return Pong(_checked(params))


def breakout(**params: Any) -> Breakout:
    """Breakout, or Breakout with other numbers: see `Params`."""
    return Breakout(_checked(params))


LIMITS = {"max_steps_in_episode": (1, 10**9), "max_noops": (0, 58), "frame_skip": (2, 60)}
"""Least and greatest whole number that each argument may be. Pong serves in the 59th frame; a picture shows
two frames."""


def _checked(params: dict[str, Any]) -> Params:
    for name, value in params.items():
        if name not in LIMITS:
            raise ValueError(f"there is no {name!r} (but {', '.join(LIMITS)})")
        low, high = LIMITS[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return Params(**params)
