"""gymnax's environments behind our contract, and ours in gymnax's registry."""

import dataclasses
import inspect
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces as theirs

from envs_jax import spaces
from envs_jax.environment import Environment, Step
from envs_jax.paths import explain
from envs_jax.wrappers import Observe
from envs_jax.wrappers.base import Wrapper

MNIST = "MNISTBandit-bsuite"
LARGEST = 10_000
"""Of a whole number that an environment is built with: it may decide the size of arrays."""


def names() -> tuple[str, ...]:
    """Every name that gymnax knows."""
    return tuple(gymnax.registered_envs)


def make(name: str, observe: Any = None, **overrides: Any) -> tuple[Environment, Any]:
    """One of gymnax's environments.

    Args:
      name: As gymnax names it, such as ``CartPole-v1``.
      observe: Indices of the entries of the observation that are shown, such as ``(0, 2)``; None for all.
      **overrides: Fields of its params, such as ``max_steps_in_episode=50``, or arguments of its constructor.

    Raises:
      ValueError: There is no such argument, or gymnax cannot make it so; in one sentence.
    """
    given = "".join(f" {key}={value!r}" for key, value in overrides.items())
    takes = _constructor_arguments(name)
    built = {key: value for key, value in overrides.items() if key in takes}
    for key, value in built.items():
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ValueError(f"Environment {name!r}: {key} must be at most {LARGEST:,}, not {value}.")
    try:
        env, params = gymnax.make(name, **built)
        others = {key: value for key, value in overrides.items() if key not in takes}
        params = _with_fields(name, params, others, takes)
        _try(env, params)
    except _Refused as error:
        raise ValueError(str(error)) from None
    except OSError as error:
        data = "MNIST" if name == MNIST else "its data"
        reason = getattr(error, "reason", error)  # of a URLError, what it wraps
        raise ValueError(
            f"Environment {name!r} downloads {data} when it is made, and that failed ({reason}): "
            "is there a network?"
        ) from error
    except Exception as error:  # whatever gymnax raises on values that it does not check
        raise ValueError(f"gymnax cannot make {name!r}{given} ({explain(error)}).") from error
    adapted = FromGymnax(env, params)
    return (adapted if observe is None else _observe(name, adapted, observe)), params


class FromGymnax(Environment):
    """An environment of gymnax as it is; only its spaces are ours, and its pictures are arrays.

    Args:
      env: It.
      params: Its params; its own default ones if None.
    """

    def __init__(self, env: Any, params: Any = None):
        self._env = env
        self._params = env.default_params if params is None else params

    @property
    def name(self) -> str:
        return self._env.name

    @property
    def default_params(self) -> Any:
        return self._params

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, Any]:
        return self._env.reset(key, self._params if params is None else params)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Any = None) -> Step:
        """The environment's own step, with a reward that is always float32."""
        params = self._params if params is None else params
        obs, state, reward, terminated, truncated, info = self._env.step(key, state, action, params)
        return obs, state, jnp.asarray(reward, jnp.float32), terminated, truncated, info

    def is_terminated(self, state: Any, params: Any) -> jax.Array:
        return self._env.is_terminated(state, params)

    def is_truncated(self, state: Any, params: Any) -> jax.Array:
        return self._env.is_truncated(state, params)

    def action_space(self, params: Any = None) -> spaces.Space:
        return self._spaces[1]

    def observation_space(self, params: Any = None) -> spaces.Space:
        """Of the dtypes that observations really have, which gymnax's spaces do not always say."""
        return self._spaces[0]

    @cached_property
    def _spaces(self) -> tuple[spaces.Space, spaces.Space]:
        with jax.ensure_compile_time_eval():  # gymnax computes bounds; they may be asked for in a program
            observations = from_gymnax(self._env.observation_space(self._params))
            actions = from_gymnax(self._env.action_space(self._params))
        if isinstance(observations, spaces.Box):
            obs = jax.eval_shape(self._env.reset, jax.random.key(0), self._params)[0]
            observations = dataclasses.replace(observations, shape=tuple(obs.shape), dtype=obs.dtype)
        return observations, actions

    def render(self, state: Any, params: Any = None) -> np.ndarray | None:
        """What gymnax's renderer draws, uint8[H, W, 3]; None where it has none."""
        if not callable(draw := getattr(self._env, "render", None)):
            return None
        from matplotlib import pyplot as plt
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        drawn = draw(state, self._params if params is None else params)
        figure = drawn[0] if isinstance(drawn, tuple) else drawn.get_figure()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        plt.close(figure)  # pyplot keeps every figure that nobody closes
        return picture


class GymnaxView(Wrapper):
    """One of our environments with spaces of gymnax's classes and gymnax's hooks, for its wrappers."""

    def inner_state(self, state: Any) -> Any:
        """The state itself: the view has none of its own."""
        return state

    def action_space(self, params: Any = None) -> Any:
        return to_gymnax(self._env.action_space(params))

    def observation_space(self, params: Any = None) -> Any:
        return to_gymnax(self._env.observation_space(params))

    def step_env(self, key: jax.Array, state: Any, action: jax.Array, params: Any) -> Any:
        return self._env.step_env(key, state, action, params)

    def reset_env(self, key: jax.Array, params: Any) -> tuple[Any, Any]:
        return self._env.reset_env(key, params)

    def observe(self, key: Any, state: Any, action: Any = None, params: Any = None) -> Any:  # type: ignore[override]
        """As gymnax calls it, with a key and an action that ours do not need."""
        return self._env.observe(state, self.default_params if params is None else params)


def register(ours: tuple[str, ...], make: Callable[..., tuple[Environment, Any]]) -> None:
    """Makes environments of ours available as ``gymnax.make(name)``; may be called again."""
    for name in ours:
        if name not in gymnax.registered_envs:
            gymnax.register(name, partial(_view, make, name))


def from_gymnax(space: Any) -> spaces.Space:
    """A space of gymnax's as ours; bounds of single entries become those of all."""
    if isinstance(space, theirs.Discrete):
        return spaces.Discrete(int(space.n))
    if isinstance(space, theirs.Box):
        low, high = float(np.min(space.low)), float(np.max(space.high))
        return spaces.Box(low, high, tuple(space.shape), space.dtype)
    if isinstance(space, theirs.Tuple):
        return spaces.Tuple(tuple(map(from_gymnax, space.spaces)))
    if isinstance(space, theirs.Dict):
        return spaces.Dict({key: from_gymnax(part) for key, part in space.spaces.items()})
    raise ValueError(f"There is no counterpart here of gymnax's space {type(space).__name__}.")


def to_gymnax(space: Any) -> Any:
    """A space of ours as gymnax's."""
    if isinstance(space, spaces.Discrete):
        return theirs.Discrete(space.n)
    if isinstance(space, spaces.Box):
        return theirs.Box(space.low, space.high, space.shape, space.dtype)
    raise ValueError(f"gymnax has no space like {type(space).__name__}.")


def _view(make: Callable[..., tuple[Environment, Any]], name: str, **overrides: Any) -> GymnaxView:
    return GymnaxView(make(name, **overrides)[0])


def _observe(name: str, env: Environment, indices: Any) -> Environment:
    try:
        return Observe(env, indices)
    except ValueError as error:
        raise ValueError(f"Environment {name!r}: {error}.") from error


class _Refused(ValueError):
    """An argument that we refuse before gymnax sees it."""


def _constructor_arguments(name: str) -> list[str]:
    # The registry's class is not public; an environment made without arguments shows it.
    if name == MNIST:  # making one downloads its data
        return ["fraction"]
    parameters = inspect.signature(type(gymnax.make(name)[0]).__init__).parameters.values()
    return [
        p.name for p in parameters if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]


def _with_fields(name: str, params: Any, changes: dict[str, Any], takes: list[str]) -> Any:
    """Params with other values, of the types of their defaults."""
    fields = [field.name for field in dataclasses.fields(params)]
    for key, value in changes.items():
        if key not in fields:
            known = ", ".join([*fields, *takes, "observe"])
            raise _Refused(f"Environment {name!r}: there is no {key!r} (but {known}).")
        default = getattr(params, key)
        kinds = (int, float) if isinstance(default, float) else type(default)
        if not isinstance(value, kinds) or isinstance(value, bool) != isinstance(default, bool):
            raise _Refused(
                f"Environment {name!r}: {key} must be like its default {default!r}, not {value!r}."
            )
        if key == "max_steps_in_episode" and not 1 <= value < 2**31:
            raise _Refused(f"Environment {name!r}: {key} must be from 1 to {2**31 - 1}, not {value}.")
    return params.replace(**changes)


def _try(env: Any, params: Any) -> None:
    """One step without computing it, so that values which do not fit are found here."""
    key = jax.random.key(0)
    if (n := getattr(env.action_space(params), "n", 1)) < 1:
        raise ValueError(f"there would be {n} actions")
    _, state = jax.eval_shape(env.reset, key, params)
    jax.eval_shape(lambda state: env.step(key, state, env.action_space(params).sample(key), params), state)
