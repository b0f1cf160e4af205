"""An environment with everything at once: a Dict observation, a MultiDiscrete action, masks, memory."""

import jax
import jax.numpy as jnp
from flax import struct

from envs_jax import spaces
from envs_jax.environment import Environment, EnvParams, EnvState

COLUMNS, SHOWN, LIMIT = 6, 2, 12


class State(EnvState):
    """Where the agent is, and where the prize, int32[] each."""

    column: jax.Array
    prize: jax.Array


class Params(EnvParams):
    max_steps_in_episode: int = LIMIT
    reward: float = struct.field(default=1.0)


class Structured(Environment):
    """A row of columns. The picture shows the prize in the first two steps alone; the vector shows the agent.

    The first choice moves left, not at all, or right; the second one takes what is there. Nobody can walk
    through a wall, and nothing can be taken while the prize is shown.
    """

    default_params = Params()

    def begin(self, key, params):
        column, prize = jax.random.randint(key, (2,), 0, COLUMNS)
        return State(time=jnp.int32(0), column=column, prize=prize)

    def advance(self, key, state, action, params):
        column = jnp.clip(state.column + action[0] - 1, 0, COLUMNS - 1)
        hit = (action[1] == 1) & (state.column == state.prize)
        reward = jnp.where(hit, params.reward, -0.1 * action[1])
        return state.replace(time=state.time + 1, column=column), reward.astype(jnp.float32)

    def observe(self, state, params):
        shown = (jnp.arange(COLUMNS) == state.prize) & (state.time < SHOWN)
        picture = jnp.broadcast_to(255 * shown.astype(jnp.uint8)[None, :, None], (5, COLUMNS, 1))
        where = jnp.stack([state.column / COLUMNS, state.time / LIMIT]).astype(jnp.float32)
        return {"body": where, "camera": {"front": picture}}

    def legal_actions(self, state, params=None):
        can_take = state.time >= SHOWN
        walls = [state.column > 0, True, state.column < COLUMNS - 1]
        return jnp.stack([jnp.asarray(x) for x in (*walls, True, can_take)])

    def observation_space(self, params=None):
        picture = spaces.Box(0, 255, (5, COLUMNS, 1), jnp.uint8)
        return spaces.Dict({"body": spaces.Box(0.0, 1.0, (2,)), "camera": spaces.Dict({"front": picture})})

    def action_space(self, params=None):
        return spaces.MultiDiscrete((3, 2))

    def d_set(self, params=None):
        return ("camera/front", "body[0]")
