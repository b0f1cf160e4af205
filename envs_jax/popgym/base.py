"""What POPGym's tasks have in common."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax

from envs_jax.arguments import LONGEST, Rule
from envs_jax.environment import Environment, EnvParams, Policy


class PopGym(Environment):
    """One of POPGym's tasks.

    ``hidden(state)`` is a dict of what the package's ``get_state()`` returns, in any order. `policies` go by
    these names where they can be scripted: "random"; "without memory", the best that reads the observation
    alone, or nearly so; "perfect memory", which forgets nothing that was shown; "state known", which also
    sees what was not. What is drawn during an episode comes in by ``key``, as `draw` makes it, so that a
    recorded episode can be replayed.

    Args:
      name: As `envs_jax.make` has it.
      longest: Most steps of an episode.
      time_limit: Steps after which the package calls an episode truncated; by default never, for most tasks
        end by themselves, and that is ``terminated``.

    Attributes:
      LEVELS: "easy", "medium" and "hard" -> arguments of the constructor after the name.
      RULES: What each of these may be.
    """

    LEVELS: ClassVar[Mapping[str, Mapping[str, Any]]]
    RULES: ClassVar[Mapping[str, Rule]]

    def __init__(self, name: str, longest: int, time_limit: int = LONGEST):
        self._name = name
        self.longest = longest
        self.default_params = EnvParams(max_steps_in_episode=time_limit)

    @property
    def name(self) -> str:
        return self._name

    def random(self, key: jax.Array, state: Any, params: Any) -> jax.Array:
        """Every action with the same probability."""
        return self.action_space(params).sample(key)

    def policies(self) -> dict[str, Policy]:
        """Reference policies that need no learning."""
        return {"random": self.random}
