"""From a config to the objects it describes."""

import dataclasses
from collections.abc import Callable
from typing import Any

import envs_jax
from envs_jax.environment import Environment
from envs_jax.wrappers import Distractors, Flicker, FrameStack, Hidden, PreviousAction, Vector
from iam_jax.checks import check
from iam_jax.config import Config, ConfigError, IAMConfig, ModelConfig
from iam_jax.models.actor_critic import ActorCritic
from iam_jax.models.make import make_model
from iam_jax.models.observations import parts_of, places_of_variables
from iam_jax.models.policies import policy_for
from iam_jax.ppo.learner import Learner
from iam_jax.ppo.rollout import Actor

Make = Callable[..., tuple[Environment, Any]]
BY_HAND = "python:"
"""Before the name of an environment that was handed over as an object, and cannot be made again by it."""


def name_of(env: Any) -> str:
    """What a config calls an environment that was handed over as an object (or with its params in a pair)."""
    env = env[0] if isinstance(env, tuple) else env
    cls = env if isinstance(env, type) or callable(env) else type(env)
    return f"{BY_HAND}{cls.__module__}.{cls.__qualname__}"


def make_env(config: Config, make: Make = envs_jax.make, *, given: Any = None) -> tuple[Environment, Any]:
    """The environment of a run inside its wrappers, and its params.

    Args:
      config: Of the run.
      make: What stands for `envs_jax.make`, such as another simulator of the same task.
      given: The environment itself, where the config has only its name; see `envs_jax.adapt`.

    Raises:
      ConfigError: The environment is unknown or cannot be had again, an argument is wrong, or its spaces are
        none that the networks here can read or act in.
    """
    try:
        if given is not None:
            env, params = envs_jax.adapt(given)
        elif config.env.startswith(BY_HAND):
            raise ConfigError(
                f"This run's environment, {config.env.removeprefix(BY_HAND)}, was handed over as a Python "
                "object: hand it over again, as in iam_jax.load(run_dir, env=...)."
            )
        else:
            env, params = make(config.env, **config.env_arguments())
        _check_actions(config, env.action_space(params))
        # Innermost what an observation consists of: the hidden state, which only the environment itself knows
        # at an episode's end, and what means nothing. Then what is done to all of it: blank in every part,
        # beside the action, and several of them in a row.
        if config.observe == "hidden":
            env = Hidden(env)
        if config.distractors:
            env = Distractors(env, config.distractors)
        if config.flicker or config.previous_action or config.frame_stack != 1:
            env = Vector(env)
        if config.flicker:
            env = Flicker(env, config.flicker)
        if config.previous_action:
            env = PreviousAction(env)
        if config.frame_stack != 1:
            env = FrameStack(env, config.frame_stack)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return env, params


def model_for(config: ModelConfig, env: Environment, params: Any) -> ActorCritic:
    """The actor-critic for an environment; a manual d-set defaults to the environment's own.

    Args:
      config: An `IAMConfig`, `RNNConfig` or `FNNConfig`.
      env: What it acts in, inside its wrappers.
      params: Its params.

    Raises:
      ConfigError: The d-set does not fit the observation.
    """
    observations = env.observation_space(params)
    try:
        if (
            isinstance(config, IAMConfig)
            and config.d_set_indices is None
            and config.d_set in ("auto", "manual")
            and (variables := env.d_set(params)) is not None
        ):
            named = places_of_variables(variables, parts_of(config, observations))
            config = dataclasses.replace(config, d_set_indices=named)
        return make_model(config, observations, env.action_space(params))
    except ValueError as error:
        raise ConfigError(str(error)) from error


def make_actor(config: Config, make: Make = envs_jax.make, *, given: Any = None) -> Actor:
    """What plays a run's environment with its model, and does not learn; arguments as of `make_env`.

    Raises:
      ConfigError: A choice cannot work; the message says what to change.
    """
    env, params = make_env(config, make, given=given)
    return Actor(env, params, model_for(config.model, env, params), bootstrap_truncated=False)


def make_learner(config: Config, make: Make = envs_jax.make, *, given: Any = None) -> Learner:
    """The learner of a run; arguments as of `make_env`.

    Raises:
      ConfigError: A choice cannot work; the message says what to change.
    """
    check(config)
    env, params = make_env(config, make, given=given)
    if env.external and (config.num_runs > 1 or config.ppo.burn_in):
        raise ConfigError(
            f"{config.env} is played outside of JAX: leave out --num-seeds and --sweep (start a run for "
            "each) and --burn-in."
        )
    return Learner(env, params, model_for(config.model, env, params), config.ppo, config.num_updates)


def _check_actions(config: Config, actions: Any) -> None:
    """Refuses actions that no policy here can choose."""
    try:
        policy_for(actions, squash=config.model.squash_actions)
    except ValueError as error:
        raise ConfigError(f"{config.env}: {error}") from error
