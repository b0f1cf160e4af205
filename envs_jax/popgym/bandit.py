"""POPGym's multi-armed bandit: find out in one episode which arm pays most often."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.arguments import Whole
from envs_jax.environment import EnvState, Policy
from envs_jax.popgym import render
from envs_jax.popgym.base import PopGym


class State(EnvState):
    """``chances``: of each arm to pay, float32[arms]; ``paid``: whether the last one did, int32[]."""

    chances: jax.Array
    paid: jax.Array


class MultiarmedBandit(PopGym):
    """Arms with chances that are drawn uniformly in each episode; every step pulls one.

    An arm that pays earns 1 / steps, another costs as much. The observation says whether the last one paid,
    not which it was. The package calls the end of an episode ``truncated``.

    Args:
      name: As `envs_jax.make` has it.
      num_bandits: Arms.
      episode_length: Steps of an episode.
    """

    LEVELS: ClassVar = {
        "easy": {"num_bandits": 10, "episode_length": 200},
        "medium": {"num_bandits": 20, "episode_length": 400},
        "hard": {"num_bandits": 30, "episode_length": 600},
    }
    RULES: ClassVar = {"num_bandits": Whole(1, 1000), "episode_length": Whole(1, 1_000_000)}
    shares_key = True

    def __init__(self, name: str, num_bandits: int, episode_length: int):
        super().__init__(name, longest=episode_length, time_limit=episode_length)
        self._arms = num_bandits

    def draw(self, key: jax.Array, params: Any) -> jax.Array:
        """Uniform numbers in [0, 1): the chances of an episode, and last what decides a pull."""
        return jax.random.uniform(key, (self._arms + 1,), jnp.float32)

    def begin(self, key: jax.Array, params: Any) -> State:
        return State(time=jnp.int32(0), chances=key[:-1], paid=jnp.int32(0))

    def advance(self, key: jax.Array, state: State, action: jax.Array, params: Any) -> Any:
        pays = key[-1] < state.chances[action]
        reward = jnp.where(pays, 1 / self.longest, -1 / self.longest).astype(jnp.float32)
        return state.replace(time=state.time + 1, paid=pays.astype(jnp.int32)), reward

    def observe(self, state: State, params: Any) -> jax.Array:
        """Whether the last arm paid, int32[]; 0 before the first."""
        return state.paid

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """The arm."""
        return spaces.Discrete(self._arms)

    def observation_space(self, params: Any = None) -> spaces.Discrete:
        return spaces.Discrete(2)

    def hidden(self, state: State) -> dict[str, jax.Array]:
        """``chances``: of each arm to pay, float32[arms]."""
        return {"chances": state.chances}

    def policies(self) -> dict[str, Policy]:
        """Without memory no arm is better than another."""
        return super().policies() | {
            "state known": lambda key, state, params: state.chances.argmax().astype(jnp.int32)
        }

    def render(self, state: State, params: Any = None) -> np.ndarray:
        """A bar for the chance of each arm, uint8[H, W, 3]."""
        return render.bars(state.chances)
