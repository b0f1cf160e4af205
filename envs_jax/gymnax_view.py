"""Our environments as gymnax's: the same contract, with spaces of gymnax's own classes."""

from functools import partial
from typing import Any

import gymnax

from envs_jax import registry, spaces
from envs_jax.wrappers import Wrapper


class GymnaxView(Wrapper):
    """An environment whose spaces gymnax's wrappers recognise."""

    def action_space(self, params: Any = None) -> Any:
        return _convert(self._env.action_space(params))

    def observation_space(self, params: Any = None) -> Any:
        return _convert(self._env.observation_space(params))


def register() -> None:
    """Makes every environment here available as ``gymnax.make(name)``; may be called again."""
    for name in registry.registered():
        if name not in gymnax.registered_envs:
            gymnax.register(name, partial(_view, name))


def _view(name: str, **overrides: Any) -> GymnaxView:
    return GymnaxView(registry.make(name, **overrides)[0])


def _convert(space: Any) -> Any:
    from gymnax.environments import spaces as theirs

    if isinstance(space, spaces.Discrete):
        return theirs.Discrete(space.n)
    return theirs.Box(space.low, space.high, space.shape, space.dtype)
