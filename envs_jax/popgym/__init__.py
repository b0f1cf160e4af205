"""POPGym (Morad et al., ICLR 2023, arXiv 2303.01859): 16 tasks for memories, each at three levels.

Rules, spaces and endings are those of the package ``popgym`` 1.0.7, which the tests play side by side with
these. A name is the package's class in kebab case: ``PositionOnlyCartPoleEasy`` is
``popgym-position-only-cart-pole-easy``.
"""

from collections.abc import Mapping
from typing import Any

from envs_jax import paths
from envs_jax.arguments import TIME_LIMIT, check

PREFIX = "popgym-"
FAMILIES: Mapping[str, str] = {
    "repeat-first": "envs_jax.popgym.cards:RepeatFirst",
    "repeat-previous": "envs_jax.popgym.cards:RepeatPrevious",
    "autoencode": "envs_jax.popgym.table:Autoencode",
    "count-recall": "envs_jax.popgym.cards:CountRecall",
    "higher-lower": "envs_jax.popgym.cards:HigherLower",
    "concentration": "envs_jax.popgym.table:Concentration",
    "multiarmed-bandit": "envs_jax.popgym.bandit:MultiarmedBandit",
    "battleship": "envs_jax.popgym.boards:Battleship",
    "mine-sweeper": "envs_jax.popgym.boards:MineSweeper",
    "labyrinth-escape": "envs_jax.popgym.mazes:LabyrinthEscape",
    "labyrinth-explore": "envs_jax.popgym.mazes:LabyrinthExplore",
    "position-only-cart-pole": "envs_jax.popgym.control:PositionOnlyCartPole",
    "velocity-only-cart-pole": "envs_jax.popgym.control:VelocityOnlyCartPole",
    "noisy-position-only-cart-pole": "envs_jax.popgym.control:NoisyPositionOnlyCartPole",
    "position-only-pendulum": "envs_jax.popgym.control:PositionOnlyPendulum",
    "noisy-position-only-pendulum": "envs_jax.popgym.control:NoisyPositionOnlyPendulum",
}
"""Family -> ``module:class``, a `envs_jax.popgym.base.PopGym`; imported when one of it is asked for."""
LEVELS = ("easy", "medium", "hard")
NAMES = tuple(f"{PREFIX}{family}-{level}" for family in FAMILIES for level in LEVELS)
"""All 48."""


def class_name(name: str) -> str:
    """What the package calls the class, such as ``RepeatPreviousEasy``."""
    return "".join(word.capitalize() for word in name.removeprefix(PREFIX).split("-"))


def make(name: str, **overrides: Any) -> Any:
    """An environment by its name, such as ``popgym-repeat-previous-easy``.

    Args:
      name: One of `NAMES`.
      **overrides: The numbers that make a level, by the package's names, such as ``k=8``; and
        ``max_steps_in_episode``.

    Raises:
      ValueError: An argument is unknown or impossible.
    """
    family, _, level = name.removeprefix(PREFIX).rpartition("-")
    task = paths.load(FAMILIES[family])
    given = check(overrides, {**task.RULES, "max_steps_in_episode": TIME_LIMIT})
    limit = given.pop("max_steps_in_episode", None)
    env = task(name, **{**task.LEVELS[level], **given})
    if limit is not None:
        env.default_params = env.default_params.replace(max_steps_in_episode=limit)
    return env
