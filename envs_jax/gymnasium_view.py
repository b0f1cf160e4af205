"""Our environments as gymnasium's, for learners that are written for it."""

from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from envs_jax.environment import Environment, outcome
from envs_jax.gymnasium_spaces import to_gymnasium
from envs_jax.registry import adapt, make

HIGHEST_SEED = 2**31 - 1


class View(gymnasium.Env):
    """One environment; the same seed gives the same episodes.

    Args:
      env: Ours.
      params: Its params.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012  gymnasium's own form

    def __init__(self, env: Environment, params: Any):
        self._env, self._params = env, params
        self.render_mode = "rgb_array"
        self.observation_space = to_gymnasium(env.observation_space(params))
        self.action_space = to_gymnasium(env.action_space(params))
        self._reset = jax.jit(env.reset)
        self._step = jax.jit(lambda *arguments: outcome(env, env.step(*arguments)))
        self._key = jax.random.key(0)
        self._state: Any = None

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """The first observation of an episode, and in a dict the ``action_mask`` if there is one."""
        super().reset(seed=seed)
        if seed is not None:
            self._key = jax.random.key(seed % HIGHEST_SEED)
        elif self._state is None:
            self._key = jax.random.key(int(self.np_random.integers(HIGHEST_SEED)))
        self._key, key = jax.random.split(self._key)
        obs, self._state = self._reset(key, self._params)
        return _on_host(obs), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step; after an episode's end its last observation, and `reset` begins the next."""
        self._key, key = jax.random.split(self._key)
        now = self._step(key, self._state, np.asarray(action), self._params)
        self._state = now.state
        obs, ended = _on_host(now.final_obs), (bool(now.terminated), bool(now.truncated))
        return obs, float(now.reward), *ended, self._info()

    def _info(self) -> dict[str, Any]:
        legal = self._env.legal_actions(self._state, self._params)
        return {} if legal is None else {"action_mask": np.array(legal, np.int8)}

    def render(self) -> Any:
        """The picture that the environment draws of itself, if it does."""
        return self._env.render(self._state, self._params)


class VectorView(gymnasium.vector.VectorEnv):
    """A batch, compiled together; ended episodes are followed by the next in the same step.

    ``info["final_obs"]`` has the last observations of those that ended, which ``info["_final_obs"]`` marks.

    Args:
      env: Ours.
      params: Its params.
      num_envs: How many.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012  gymnasium's own form

    def __init__(self, env: Environment, params: Any, num_envs: int):
        if env.late_reset:
            raise ValueError(f"{env.name} begins its episodes one step late: use it in gymnasium itself.")
        self.num_envs, self._env, self._params = num_envs, env, params
        self.single_observation_space = to_gymnasium(env.observation_space(params))
        self.single_action_space = to_gymnasium(env.action_space(params))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        split = lambda key: jax.random.split(key, num_envs)  # noqa: E731
        self._reset = jax.jit(lambda key: jax.vmap(env.reset, (0, None))(split(key), params))
        one = lambda *step: outcome(env, env.step(*step))  # noqa: E731
        self._step = jax.jit(
            lambda key, state, action: jax.vmap(one, (0, 0, 0, None))(split(key), state, action, params)
        )
        self._key = jax.random.key(0)
        self._state: Any = None

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """First observations of all, [B, ...], and in a dict the ``action_mask`` if there is one."""
        if seed is not None:
            first = seed if isinstance(seed, int) else next(iter(seed))
            self._key = jax.random.key(int(first) % HIGHEST_SEED)
        self._key, key = jax.random.split(self._key)
        obs, self._state = self._reset(key)
        return _on_host(obs), self._info()

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of all: observations, rewards, terminated, truncated, [B, ...] each, and info."""
        self._key, key = jax.random.split(self._key)
        now = self._step(key, self._state, np.asarray(actions))
        self._state = now.state
        obs, final_obs, reward, terminated, truncated = _on_host(
            (now.obs, now.final_obs, now.reward, now.terminated, now.truncated)
        )
        ended = terminated | truncated
        info = {"final_obs": final_obs, "_final_obs": ended} if ended.any() else {}
        return obs, reward, terminated, truncated, info | self._info()

    def _info(self) -> dict[str, Any]:
        legal = jax.vmap(self._env.legal_actions, (0, None))(self._state, self._params)
        if legal is None:
            return {}
        return {"action_mask": np.array(legal, np.int8), "_action_mask": np.ones(self.num_envs, bool)}


def as_gymnasium(env: Any, params: Any = None) -> "View":
    """One of our environments as ``gymnasium.Env``.

    Args:
      env: A name, or what `envs_jax.adapt` takes.
      params: Its params; the default ones if None.

    Raises:
      ValueError: There is no such environment.
    """
    return View(*_of_ours(env, params))


def as_gymnasium_vector(env: Any, num_envs: int, params: Any = None) -> "VectorView":
    """A batch of our environments as ``gymnasium.vector.VectorEnv``; arguments as of `as_gymnasium`."""
    return VectorView(*_of_ours(env, params), num_envs)


def _of_ours(env: Any, params: Any) -> tuple[Environment, Any]:
    made, default = make(env) if isinstance(env, str) else adapt(env)
    return made, default if params is None else params


def _on_host(values: Any) -> Any:
    """Copies, because learners write into what they are given."""
    return jax.tree.map(np.array, jax.device_get(values))
