"""SUMO behind the contract of JAX environments, so that a finished agent can be played in it."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import io_callback

from envs_jax.environment import EnvState, Step
from envs_jax.traffic.env import Traffic, traffic
from envs_jax.traffic.state import Params
from envs_jax.traffic.sumo import Sumo

HIGHEST_SEED = 2**31 - 1


class SumoTraffic(Traffic):
    """One episode in SUMO at a time, as one process holds one SUMO: for a batch of one environment.

    An ended episode is not followed by another one: call `reset`. The params are those given here.

    Raises:
      ValueError: SUMO is not installed.
    """

    external = True
    single = True

    def __init__(self, params: Params):
        super().__init__(params)
        self._sumo = Sumo(params)

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Params | None = None) -> tuple[jax.Array, EnvState]:
        key_routes, key_seed = jax.random.split(key)
        params = self.default_params
        routes = jax.random.bernoulli(key_routes, params.west_start_probability, (params.num_cars,))
        seed = jax.random.randint(key_seed, (), 0, HIGHEST_SEED)
        obs = io_callback(self._reset, self._like_obs(), seed, routes)
        return obs, EnvState(time=jnp.int32(0))

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: EnvState, action: jax.Array, params: Params | None = None) -> Step:
        like = (self._like_obs(), jax.ShapeDtypeStruct((), jnp.float32), jax.ShapeDtypeStruct((), bool))
        # The time goes in and decides nothing; it keeps the steps in order.
        obs, reward, terminated = io_callback(self._step, like, state.time, action)
        state = EnvState(time=state.time + 1)
        truncated = self.is_truncated(state, self.default_params)
        info: dict[str, Any] = {
            "terminated": terminated,
            "truncated": truncated,
            "final_observation": obs,
        }
        return obs, state, reward, terminated, truncated, info

    def _reset(self, seed: Any, routes: Any) -> np.ndarray:
        self._sumo.forget_light()  # as a reset in JAX does; only an auto-reset carries it over
        return self._sumo.reset(int(seed), np.asarray(routes))

    def _step(self, time: Any, action: Any) -> tuple[np.ndarray, np.float32, np.bool_]:
        if int(time) != self._sumo.time:
            raise RuntimeError("SUMO holds one episode at a time: play a batch of one environment.")
        obs, reward, over = self._sumo.step(int(action))
        timed_out = self._sumo.time >= self.default_params.max_steps_in_episode
        return obs, np.float32(reward), np.bool_(over and not timed_out)

    def _like_obs(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(self.observation_space().shape, jnp.float32)


def make(name: str, **params: Any) -> tuple[SumoTraffic, Params]:
    """As `envs_jax.make`, of the one environment that SUMO simulates.

    Raises:
      ValueError: It is another environment, an argument is wrong, or SUMO is not installed.
    """
    if name != "traffic":
        raise ValueError(f"SUMO simulates traffic, not {name}.")
    try:
        env = SumoTraffic(traffic(**params).default_params)
    except ValueError as error:
        raise ValueError(f"Environment {name!r}: {error}") from error
    return env, env.default_params
