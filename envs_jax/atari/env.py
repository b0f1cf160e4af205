"""Pong and Breakout as environments: adapts their rules to the contract."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, Rule, Whole, check
from envs_jax.atari.breakout import draw as breakout_draw
from envs_jax.atari.breakout import dynamics as breakout_rules
from envs_jax.atari.breakout.policies import POLICIES as BREAKOUT_POLICIES
from envs_jax.atari.console import Params
from envs_jax.atari.pong import draw as pong_draw
from envs_jax.atari.pong import dynamics as pong_rules
from envs_jax.atari.pong.policies import POLICIES as PONG_POLICIES
from envs_jax.atari.screen import SIZE
from envs_jax.environment import Environment, Policy


class AtariGame(Environment):
    """What the two games share; see their rules in `envs_jax.atari.pong` and `envs_jax.atari.breakout`.

    The frame skip is part of the program; every other field of the params may change between calls.
    """

    rules: Any
    pictures: Any
    actions: int
    reference: dict[str, Policy]
    shares_key = True
    render_aligned = True

    def __init__(self, params: Params | None = None):
        self._params = Params() if params is None else params

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    @property
    def default_params(self) -> Params:
        return self._params

    def begin(self, key: jax.Array, params: Params) -> Any:
        """A game that has run for a random number of frames without action, of which nothing is seen."""
        return self.rules.reset(jax.random.randint(key, (), 0, params.max_noops + 1))

    def advance(self, key: jax.Array, state: Any, action: jax.Array, params: Params) -> tuple[Any, jax.Array]:
        """``frame_skip`` frames with one action; the games themselves draw nothing."""
        return self.rules.step(state, action, params)

    def observe(self, state: Any, params: Params) -> jax.Array:
        """The brighter of the last two frames, grey and reduced by area, uint8[84, 84, 1]."""
        return self.pictures.draw(state)

    def opening(self, params: Params) -> jax.Array:
        """Every game opens with the same picture, which is therefore drawn once for a whole batch."""
        return self.pictures.draw(self.rules.reset(jnp.int32(0)))

    def is_terminated(self, state: Any, params: Params) -> jax.Array:
        """Whether the game is over, bool[]."""
        return self.rules.is_over(state)

    def action_space(self, params: Params | None = None) -> spaces.Discrete:
        """ALE's minimal actions: NOOP, FIRE, RIGHT, LEFT; in Pong also RIGHTFIRE and LEFTFIRE."""
        return spaces.Discrete(self.actions)

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        return spaces.Box(0, 255, (SIZE, SIZE, 1), jnp.uint8)

    def policies(self) -> dict[str, Policy]:
        """Reference policies that need no learning; see the ``policies`` beside the rules."""
        return dict(self.reference)

    def render(self, state: Any, params: Params | None = None) -> np.ndarray:
        """The last frame in colour, uint8[420, 640, 3]."""
        return self.pictures.render(state)


class Pong(AtariGame):
    """The player has the right paddle; the reward is 1 per point won and -1 per point lost, up to 21."""

    rules, pictures, actions, reference = pong_rules, pong_draw, 6, PONG_POLICIES


class Breakout(AtariGame):
    """Five balls for two walls; the reward is the points of a brick, 1, 4 or 7. FIRE serves."""

    rules, pictures, actions, reference = breakout_rules, breakout_draw, 4, BREAKOUT_POLICIES


def pong(**arguments: Any) -> Pong:
    """Pong, or Pong with other numbers: see `Params`."""
    return Pong(Params(**check(arguments, ARGUMENTS)))


def breakout(**arguments: Any) -> Breakout:
    """Breakout, or Breakout with other numbers: see `Params`."""
    return Breakout(Params(**check(arguments, ARGUMENTS)))


ARGUMENTS: dict[str, Rule] = {
    "max_steps_in_episode": TIME_LIMIT,
    "max_noops": Whole(0, 58, "Pong serves in the 59th frame"),
    "frame_skip": Whole(2, 60, "a picture shows two frames, and there are 60 in a second"),
}
"""What each argument may be."""
