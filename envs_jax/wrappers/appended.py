"""Wrappers that show something beside the observation, and leave the observation as it is."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from envs_jax import spaces
from envs_jax.environment import Environment
from envs_jax.spaces import variable_of
from envs_jax.wrappers.base import Shown, Wrapper


class Appended(Wrapper):
    """A wrapper that shows a vector of numbers behind the observation.

    It is appended to a vector of floats. A tuple gets it as its last part, a dict as a part of its own; any
    other observation becomes a pair of itself and the vector. So the entries of the observation keep their
    numbers and their names, but for whole numbers of a dict's entries, whose parts are in the order of names.

    Args:
      env: The environment.
      part: What the new part of a dict is called.

    Raises:
      ValueError: The dict has a part of that name.
    """

    def __init__(self, env: Environment, part: str):
        super().__init__(env)
        self.num_frames = 1  # what is appended belongs to no frame
        self._part = part
        space = env.observation_space(env.default_params)
        if isinstance(space, spaces.Dict) and part in space.spaces:
            raise ValueError(f"The observation of {env.name} has a part {part!r} already: rename that.")

    def appended_space(self, params: Any = None) -> spaces.Box:
        """The space of the vector."""
        raise NotImplementedError(f"{type(self).__name__} must define appended_space(params)")

    def observation_space(self, params: Any = None) -> spaces.Space:
        space, more = self._env.observation_space(params), self.appended_space(params)
        if _is_float_vector(space):
            shape = (space.shape[0] + more.shape[0],)
            return spaces.Box(min(space.low, more.low), max(space.high, more.high), shape, space.dtype)
        if isinstance(space, spaces.Tuple):
            return spaces.Tuple((*space.spaces, more))
        if isinstance(space, spaces.Dict):
            return spaces.Dict({**space.spaces, self._part: more})
        return spaces.Tuple((space, more))

    def d_set(self, params: Any = None) -> tuple[int | str, ...] | None:
        """The inner environment's."""
        named, space = self._env.d_set(params), self._env.observation_space(params)
        if named is None or _is_float_vector(space) or isinstance(space, spaces.Tuple):
            return named
        entries = (variable_of(entry, space) for entry in named)
        if not isinstance(space, spaces.Dict):
            return tuple(entry if isinstance(entry, int) else "0" for entry in entries)
        before = sum(
            len(leaf.encoded_sizes)
            for name, part in space.spaces.items()
            for _, leaf in spaces.leaves(part)
            if name < self._part
        )
        size = self.appended_space(params).shape[0]
        return tuple(entry if isinstance(entry, str) or entry < before else entry + size for entry in entries)

    def joined(self, obs: Any, more: jax.Array, params: Any) -> Any:
        """The observation with the vector behind it."""
        space = self._env.observation_space(params)
        if _is_float_vector(space):
            return jnp.concatenate([obs, more.astype(obs.dtype)])
        if isinstance(space, spaces.Tuple):
            return (*obs, more)
        if isinstance(space, spaces.Dict):
            return {**obs, self._part: more}
        return obs, more


class Hidden(Appended):
    """Shows what the environment says is hidden (`Environment.hidden`): perfect memory, and more.

    Its arrays stand in a row as float32. Truth values are 0 or 1 and bytes from 0 to 1; nothing says how far
    other numbers reach, so they stay as they are.

    An episode's last observation shows the hidden state of its last state, which only the game itself knows:
    behind its `step` there is the next episode's. So this wrapper plays the protocol of a step itself, right
    around the environment (and around wrappers that have no state, such as `Observe`).

    Raises:
      ValueError: The environment does not show its hidden state, or shows it only between its steps.
    """

    def __init__(self, env: Environment):
        super().__init__(env, "hidden")
        game = env
        while isinstance(game, Shown):
            game = game._env
        self._game, self.shares_key = game, game.shares_key
        plays = not game.external and type(game).begin is not Environment.begin
        leaves = jax.tree.leaves(jax.eval_shape(self._first_hidden, jax.random.key(0)) if plays else None)
        if not leaves:
            raise ValueError(
                f"{env.name} does not show its hidden state, as hidden(state) beside begin, advance and "
                "observe does: leave out --observe hidden."
            )
        bounded = all(leaf.dtype in (jnp.bool_, jnp.uint8) for leaf in leaves)
        size = sum(math.prod(leaf.shape) for leaf in leaves)
        low, high = (0.0, 1.0) if bounded else (-math.inf, math.inf)
        self._space = spaces.Box(low, high, (size,))

    # What `Environment.step` and `Environment.reset` ask for.
    step = Environment.step
    reset = Environment.reset

    def draw(self, key: jax.Array, params: Any) -> jax.Array:
        return self._game.draw(key, params)

    def begin(self, key: jax.Array, params: Any) -> Any:
        return self._game.begin(key, params)

    def begin_after(self, key: jax.Array, last: Any, params: Any) -> Any:
        return self._game.begin_after(key, last, params)

    def advance(self, key: jax.Array, state: Any, action: jax.Array, params: Any) -> tuple[Any, jax.Array]:
        return self._game.advance(key, state, action, params)

    def observe(self, state: Any, params: Any) -> Any:
        leaves = jax.tree.leaves(self._env.hidden(state))
        row = [spaces.as_float(jnp.asarray(leaf)).astype(jnp.float32).reshape(-1) for leaf in leaves]
        return self.joined(_seen(self._env, state, params), jnp.concatenate(row), params)

    def inner_state(self, state: Any) -> Any:
        return state

    def appended_space(self, params: Any = None) -> spaces.Box:
        return self._space

    def _first_hidden(self, key: jax.Array) -> Any:
        params = self._game.default_params
        return self._game.hidden(self._game.begin(self._game.draw(key, params), params))


def _seen(env: Environment, state: Any, params: Any) -> Any:
    """What an environment, or one inside of wrappers without a state, shows of a state."""
    if isinstance(env, Shown):
        return env.show(_seen(env._env, state, params), params)
    return env.observe(state, params)


def _is_float_vector(space: Any) -> bool:
    return (
        isinstance(space, spaces.Box)
        and len(space.shape) == 1
        and bool(jnp.issubdtype(space.dtype, jnp.floating))
    )
