"""Our environments as a vector environment of Stable-Baselines3."""

from typing import Any

import gymnasium
import jax
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from envs_jax import make


class VectorEnv(VecEnv):
    """Copies of one environment, vmapped and compiled; observations and rewards on the host."""

    def __init__(self, name: str, num_envs: int, seed: int = 0):
        env, params = make(name)
        shape = env.observation_space(params).shape
        super().__init__(
            num_envs,
            gymnasium.spaces.Box(0, 1, shape, np.float32),
            gymnasium.spaces.Discrete(env.action_space(params).n),
        )
        self._key = jax.random.key(seed)
        self._reset = jax.jit(
            lambda key: jax.vmap(env.reset, (0, None))(jax.random.split(key, num_envs), params)
        )
        self._step = jax.jit(
            lambda key, *x: jax.vmap(env.step, (0, 0, 0, None))(jax.random.split(key, num_envs), *x, params)
        )

    def reset(self) -> np.ndarray:
        obs, self._state = self._reset(self._next_key())
        return np.array(obs)

    def step_async(self, actions: np.ndarray) -> None:
        self._answer = self._step(self._next_key(), self._state, actions)

    def step_wait(self) -> Any:
        obs, self._state, reward, terminated, truncated, info = self._answer
        terminated, truncated = np.asarray(terminated), np.asarray(truncated)
        done, infos = terminated | truncated, [{} for _ in range(self.num_envs)]
        if done.any():
            final = np.asarray(info["final_observation"])
            for i in np.flatnonzero(done):
                only_late = bool(truncated[i] and not terminated[i])
                infos[i] = {"terminal_observation": final[i], "TimeLimit.truncated": only_late}
        return np.array(obs), np.array(reward), done, infos

    def close(self) -> None: ...

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs  # it has no render_mode

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None: ...

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        return [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs

    def _next_key(self) -> jax.Array:
        self._key, key = jax.random.split(self._key)
        return key
