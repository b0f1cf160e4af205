"""Whether a run fits into memory, estimated before anything of its size is built."""

import math
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from envs_jax import spaces
from iam_jax.config import Config, ConfigError
from iam_jax.ppo.rollout import Actor

NUMBERS_PER_STEP = 16
"""Beside the observation, of each step in a rollout and in its minibatches: action, value, reward, ..."""
COPIES_OF_PARAMETERS = 5
"""Parameters, gradient, Adam's two moments, updates."""


def param_shapes(config: Config, actor: Actor) -> Any:
    """Shapes of the parameters of all seeds, as a run stores them; nothing is computed."""
    space = actor.env.observation_space(actor.env_params)

    def init(key: jax.Array) -> Any:
        obs = spaces.zeros(space, (1, 1))
        first = jax.numpy.ones((1, 1), bool)
        return actor.model.init(key, actor.model.initial_carry(1), obs, first)

    params = jax.eval_shape(init, jax.random.key(0))
    axis = () if config.num_runs == 1 else (config.num_runs,)
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct((*axis, *x.shape), x.dtype), params)


def check_room(config: Config, actor: Actor, num_devices: int = 1) -> None:
    """Refuses runs that cannot fit.

    The estimate counts rollout, states of environments, parameters and their copies, and is below what a run
    takes: what it refuses could not have run.

    Raises:
      ConfigError: With both sizes, and what to make smaller.
    """
    needed, room = estimate(config, actor) / num_devices, memory()
    if room and needed > room:
        ppo, runs = config.ppo, f"--num-seeds ({config.num_seeds})"
        if config.num_runs > 1:
            runs += f" or --at-once ({config.hardware.at_once or config.num_runs} runs)"
        raise ConfigError(
            f"This run needs at least {needed / 2**30:,.0f} GiB of memory and there are "
            f"{room / 2**30:,.0f} GiB: make --num-envs ({ppo.num_envs}), --num-steps ({ppo.num_steps}), "
            f"{runs}, --frame-stack or the layers smaller."
        )


def estimate(config: Config, actor: Actor) -> int:
    """Bytes that a run needs at least."""
    env, ppo = actor.env, config.ppo
    space = env.observation_space(actor.env_params)
    step = _bytes(jax.eval_shape(lambda: spaces.zeros(space))) + 4 * NUMBERS_PER_STEP
    rollout = ppo.num_envs * (ppo.num_steps + 1) * step
    state = 0
    if not env.external:  # else looking at its shape would start it
        state = 2 * ppo.num_envs * _bytes(jax.eval_shape(env.reset, jax.random.key(0), actor.env_params)[1])
    parameters = COPIES_OF_PARAMETERS * _bytes(param_shapes(config, actor))
    at_once = min(config.hardware.at_once or config.num_runs, config.num_runs)
    return at_once * rollout + config.num_runs * state + parameters


def memory() -> int | None:
    """Bytes of the first device's memory or, of a CPU, of the machine's or container's; None if unknown."""
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        return (device.memory_stats() or {}).get("bytes_limit")
    limits = []
    if "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    container = Path("/sys/fs/cgroup/memory.max")
    if container.is_file() and (text := container.read_text().strip()).isdecimal():
        limits.append(int(text))
    return min(limits, default=None)


def _bytes(tree: Any) -> int:
    def size(x: Any) -> int:
        is_key = jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)
        return math.prod(x.shape) * (8 if is_key else np.dtype(x.dtype).itemsize)

    return sum(map(size, jax.tree.leaves(tree)))
