"""MinAtar's games (Young and Tian 2019), played by gymnax: boards of 10x10 cells.

Beside gymnax's own environments: one byte per cell in place of four, a picture, and a time limit to choose.
"""

import colorsys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import TIME_LIMIT, Rule, check
from envs_jax.environment import Environment, Policy

CELL = 16
"""Pixels along one cell of a picture."""


class MinAtar(Environment):
    """One of gymnax's MinAtar games; the observation says which of C things is in a cell, bool[10, 10, C].

    Args:
      name: Ours, such as ``minatar-breakout``.
      game: gymnax's environment.
      params: Its params.
    """

    render_aligned = True

    def __init__(self, name: str, game: Any, params: Any):
        self._name, self._game, self._params = name, game, params

    @property
    def name(self) -> str:
        return self._name

    @property
    def default_params(self) -> Any:
        return self._params

    def begin(self, key: jax.Array, params: Any) -> Any:
        """The first state of gymnax's game."""
        return self._game.reset_env(key, params)[1]

    def advance(self, key: jax.Array, state: Any, action: jax.Array, params: Any) -> tuple[Any, jax.Array]:
        """One step of gymnax's game."""
        _, state, reward, _, _ = self._game.step_env(key, state, action, params)
        return state, reward

    def observe(self, state: Any, params: Any) -> jax.Array:
        """Which of C things is in a cell, bool[10, 10, C]; gymnax asks for a key, and the games use none."""
        return self._game.observe(jax.random.key(0), state, None, params).astype(bool)

    def is_terminated(self, state: Any, params: Any) -> jax.Array:
        return self._game.is_terminated(state, params)

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """MinAtar's minimal actions of the game, "nothing" first."""
        return spaces.Discrete(self._game.num_actions)

    def observation_space(self, params: Any = None) -> spaces.Box:
        return spaces.Box(0, 1, self._game.obs_shape, jnp.bool_)

    def policies(self) -> dict[str, Policy]:
        """Policies that need no learning: random actions."""
        num_actions = self._game.num_actions
        return {"random": lambda key, state, params: jax.random.randint(key, (), 0, num_actions)}

    def render(self, state: Any, params: Any = None) -> np.ndarray:
        """The board, a colour for each channel and the later ones on top, uint8[160, 160, 3]."""
        board = np.asarray(self.observe(state, self._params if params is None else params))
        return draw_board(board).repeat(CELL, 0).repeat(CELL, 1)


def draw_board(board: np.ndarray) -> np.ndarray:
    """A board bool[Y, X, C] in colours, one per channel, uint8[Y, X, 3]; nothing is black."""
    image = np.zeros((*board.shape[:2], 3), np.uint8)
    channels = board.shape[-1]
    for channel in range(channels):
        colour = colorsys.hsv_to_rgb(channel / channels, 0.55, 0.95)
        image[board[..., channel]] = np.rint(255 * np.array(colour))
    return image


ARGUMENTS: dict[str, Rule] = {"max_steps_in_episode": TIME_LIMIT}
"""What each argument may be."""


def make(name: str, **arguments: Any) -> MinAtar:
    """A game by our name, such as ``minatar-space-invaders``; ``max_steps_in_episode`` may be chosen.

    Raises:
      ValueError: An argument is unknown or impossible.
    """
    import gymnax  # costs seconds, so only when one of its games is asked for

    words = name.removeprefix("minatar-").split("-")
    game, params = gymnax.make("".join(word.capitalize() for word in words) + "-MinAtar")
    return MinAtar(name, game, params.replace(**check(arguments, ARGUMENTS)))
