"""Numbers of an environment that a sweep varies."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import envs_jax
from envs_jax.environment import Environment
from iam_jax.build import Make, make_env
from iam_jax.config import Config, ConfigError
from iam_jax.sweep import ENV, Setting


def swept_params(config: Config, make: Make = envs_jax.make, *, given: Any = None) -> Any:
    """The environment's params in each setting of a sweep, [settings] each; None where none is swept.

    Args:
      config: Of the run.
      make: As of `iam_jax.build.make_env`.
      given: As of `iam_jax.build.make_env`; its params must then have what is swept as a field.

    Raises:
      ConfigError: What is swept changes the environment itself and not its params, or a value is wrong.
    """
    settings = config.settings
    options = [option for option in settings[0] if option.startswith(ENV)]
    if not options:
        return None
    chosen = [tuple(setting[option] for option in options) for setting in settings]
    by_values = {
        values: _made(config, dict(zip(options, values, strict=True)), make, given)
        for values in dict.fromkeys(chosen)
    }
    made = [by_values[values] for values in chosen]
    env, first = made[0]
    program = (jax.tree.structure(first), env.observation_space(first), env.action_space(first))
    for option in options:
        others = {name: value for name, value in settings[0].items() if name != option}
        variants = [
            params
            for (_, params), setting in zip(made, settings, strict=True)
            if setting.items() >= others.items()
        ]
        if any(_equal(params, first) for params in variants[1:]):
            raise ConfigError(_cannot(config, option))
    for other, params in made:
        if (
            jax.tree.structure(params),
            other.observation_space(params),
            other.action_space(params),
        ) != program:
            raise ConfigError(_cannot(config, options[0]))
    return jax.tree.map(lambda *x: jnp.stack([jnp.asarray(value) for value in x]), *(p for _, p in made))


def _made(config: Config, setting: Setting, make: Make, given: Any) -> tuple[Environment, Any]:
    """The environment with the numbers of a setting, which are the environment's alone."""
    if given is None:
        return make_env(config.at(setting), make)
    env, params = make_env(config, make, given=given)
    values = {name.removeprefix(ENV): value for name, value in setting.items()}
    try:
        return env, params.replace(**values)
    except TypeError as error:
        raise ConfigError(f"--sweep: {type(params).__name__} has no such field ({error}).") from error


def _equal(a: Any, b: Any) -> bool:
    if jax.tree.structure(a) != jax.tree.structure(b):  # type: ignore[operator]
        return False
    return all(map(np.array_equal, jax.tree.leaves(a), jax.tree.leaves(b)))


def _cannot(config: Config, option: str) -> str:
    return (
        f"--sweep cannot vary {option}: it changes what {config.env} is and not only its numbers, so start a "
        "run for each value."
    )
