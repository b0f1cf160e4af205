"""What all wrappers share: they pass on whatever they do not change.

Each handles the auto-reset inside the wrapped `step`: where an episode ended, the returned
observation belongs to the next episode, and ``info["final_observation"]`` to the last one.
"""

from functools import partial
from typing import Any

import jax
import numpy as np

from envs_jax.environment import Environment, Policy, Step, outcome


class Wrapper(Environment):
    """An environment around another one, whose answers are the inner one's where it gives none of its own.

    A wrapper with a state of its own keeps the inner one in ``state.env_state``; one without says so by
    `inner_state`. What lies below `reset` and `step` (`begin`, `advance`, `observe`) is called by the
    innermost environment alone, so a wrapper has none of it.
    """

    def __init__(self, env: Environment):
        self._env = env
        self.external, self.late_reset, self.has_lives = env.external, env.late_reset, env.has_lives
        self.render_aligned, self.num_frames, self.single = env.render_aligned, env.num_frames, env.single

    def inner_state(self, state: Any) -> Any:
        """The inner environment's state inside the wrapper's."""
        return state.env_state

    @property
    def failure(self) -> str | None:  # type: ignore[override]  # what was an attribute is asked for anew
        return self._env.failure

    def close(self) -> None:
        self._env.close()

    @property
    def name(self) -> str:
        return self._env.name

    @property
    def default_params(self) -> Any:
        return self._env.default_params

    def action_space(self, params: Any = None) -> Any:
        return self._env.action_space(params)

    def observation_space(self, params: Any = None) -> Any:
        return self._env.observation_space(params)

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, Any]:
        return self._env.reset(key, params)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Any = None) -> Step:
        return self._env.step(key, state, action, params)

    def is_terminated(self, state: Any, params: Any) -> jax.Array:
        return self._env.is_terminated(self.inner_state(state), params)

    def is_truncated(self, state: Any, params: Any) -> jax.Array:
        return self._env.is_truncated(self.inner_state(state), params)

    def d_set(self, params: Any = None) -> tuple[int | str, ...] | None:
        return self._env.d_set(params)

    def legal_actions(self, state: Any, params: Any = None) -> jax.Array | None:
        return self._env.legal_actions(self.inner_state(state), params)

    def hidden(self, state: Any) -> Any:
        return self._env.hidden(self.inner_state(state))

    def hidden_names(self) -> tuple[str, ...] | None:
        return self._env.hidden_names()

    def render(self, state: Any, params: Any = None) -> np.ndarray | None:
        return self._env.render(self.inner_state(state), params)

    def policies(self) -> dict[str, Policy]:
        """The inner environment's, for the wrapper's state."""
        return {name: self._on_inner_state(policy) for name, policy in self._env.policies().items()}

    def _on_inner_state(self, policy: Policy) -> Policy:
        return lambda key, state, params: policy(key, self.inner_state(state), params)


class Shown(Wrapper):
    """A wrapper that shows each observation as something else, and has no state of its own.

    Subclasses define `show` and the space of what it returns.
    """

    def show(self, obs: Any, params: Any) -> Any:
        """What is seen of an observation."""
        raise NotImplementedError(f"{type(self).__name__} must define show(obs, params)")

    def inner_state(self, state: Any) -> Any:
        return state

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, Any]:
        obs, state = self._env.reset(key, params)
        return self.show(obs, params), state

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Any = None) -> Step:
        step = self._env.step(key, state, action, params)
        inner = outcome(self._env, step)
        final_obs = self.show(inner.final_obs, params)
        return changed(step, self.show(inner.obs, params), inner.state, {"final_observation": final_obs})


def changed(step: Step, obs: Any, state: Any, entries: dict[str, Any]) -> Step:
    """What a wrapper's step returns: another observation and state, and other entries of ``info``."""
    _, _, reward, terminated, truncated, info = step
    return obs, state, reward, terminated, truncated, info | entries
