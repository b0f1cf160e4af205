"""From a config to the objects it describes."""

import dataclasses
from collections.abc import Callable
from typing import Any

import envs_jax
from envs_jax.wrappers import EpisodeStatistics, Flicker, FrameStack, PreviousAction
from iam_jax.checks import check
from iam_jax.config import Config, ConfigError
from iam_jax.models.actor_critic import ActorCritic, make_model
from iam_jax.ppo.learner import Learner

Make = Callable[..., tuple[Any, Any]]


def make_env(config: Config, make: Make = envs_jax.make) -> tuple[EpisodeStatistics, Any]:
    """The wrapped environment and its params.

    Args:
      config: Of the run.
      make: What stands for `envs_jax.make`, such as another simulator of the same task.

    Raises:
      ConfigError: The environment is unknown, an argument is wrong, or actions are not discrete.
    """
    try:
        env, params = make(config.env, **config.env_arguments())
        if config.flicker:
            env = Flicker(env, config.flicker)
        if config.previous_action:
            env = PreviousAction(env)
        if config.frame_stack != 1:
            env = FrameStack(env, config.frame_stack)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if not hasattr(env.action_space(params), "n"):
        raise ConfigError(f"{config.env} has continuous actions; the policies here are discrete.")
    return EpisodeStatistics(env), params


def make_network(config: Config, env: Any, params: Any) -> ActorCritic:
    """The actor-critic for an environment; a manual d-set defaults to the environment's own.

    Raises:
      ConfigError: The d-set does not fit the observation.
    """
    network = config.network
    if network.d_set_indices is None and hasattr(env, "d_set"):
        network = dataclasses.replace(network, d_set_indices=tuple(env.d_set(params)))
    try:
        return make_model(network, env.action_space(params).n, env.observation_space(params).shape)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def is_external(env: Any) -> bool:
    """Whether the environment's state lives outside of JAX; see `envs_jax.environment.Environment`."""
    return getattr(env, "external", False)


def make_learner(config: Config, make: Make = envs_jax.make) -> Learner:
    """The learner of a run; ``make`` as for `make_env`.

    Raises:
      ConfigError: A choice cannot work; the message says what to change.
    """
    check(config)
    env, params = make_env(config, make)
    if is_external(env) and (config.num_seeds > 1 or config.ppo.burn_in) and make is envs_jax.make:
        raise ConfigError(
            f"{config.env} is played outside of JAX: leave out --num-seeds (start a run for each seed) and "
            "--burn-in."
        )
    model = make_network(config, env, params)
    return Learner(env, params, model, config.ppo, config.num_updates)
