"""Irrelevant variables beside the observation, for any environment."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.environment import Environment, Step, outcome
from envs_jax.wrappers.appended import Appended
from envs_jax.wrappers.base import changed

STREAM = 0x64697374
"""Folded into a key, it gives one that no environment draws from: those fold in or split small numbers."""
STRIDE = 0.1
"""The most that a walk moves in a step. It takes some 300 steps to forget where it was."""
LONGEST_HEAD_START = 1000
"""Steps by which the other episode is at most ahead."""


class Another(struct.PyTreeNode):
    """Another episode of the same environment.

    Attributes:
      env_state: Its state.
      shown: The entries of its observation that are shown, float32[C].
    """

    env_state: Any
    shown: jax.Array


class DistractorsState(struct.PyTreeNode):
    """``walks``: where they are, float32[W]; ``another``: an `Another`, None where nothing is copied."""

    env_state: Any
    walks: jax.Array
    another: Any


class Distractors(Appended):
    """Shows ``number`` variables that have nothing to do with the task, behind those of the environment.

    In this order, a third of them each:

    - coins, 0 or 1, tossed in every step;
    - slow random walks in [-1, 1], which begin anywhere there and are reflected at its ends;
    - copies of entries of the observation in another episode, which a copy of the environment plays with
      random actions. They are spread evenly over the observation, and there are no more of them than it has
      entries; the rest are coins and walks. What is discrete is one-hot, as networks read it.

    Episodes end and begin without them: nothing in them tells how long ago that was. The other episode
    would, where all episodes are equally long, so it begins up to `LONGEST_HEAD_START` random steps earlier.
    It costs as much as a second environment. What is played outside of JAX (`Environment.external`) is not
    copied, because a second game of it may cost more than everything else: coins and walks alone.

    The environment plays exactly as it does without them, with the same keys.

    Args:
      env: Its observations are vectors, discrete, or tuples or dicts of such.
      number: Of the variables, N.

    Raises:
      ValueError: None are asked for, or there are pictures in the observation.
    """

    def __init__(self, env: Environment, number: int):
        super().__init__(env, "distractors")
        if number < 1:
            raise ValueError(f"Distractors needs at least 1 variable, not {number}.")
        space = env.observation_space(env.default_params)
        parts = list(spaces.leaves(space))
        for name, leaf in parts:
            if len(leaf.shape) > 2:
                shown = f"the part {name!r} of what {env.name} shows" if name else f"what {env.name} shows"
                raise ValueError(
                    f"Distractors go beside vectors, and {shown} is {spaces.words(leaf)}, a picture: "
                    "leave out --distractors."
                )
        size = sum(sum(leaf.encoded_sizes) for _, leaf in parts)
        self._copies = 0 if env.external else min(number // 3, size)
        self._walks = (number - self._copies) // 2
        self._coins = number - self._copies - self._walks
        self._indices = np.linspace(0, size - 1, self._copies).round().astype(int)

    def appended_space(self, params: Any = None) -> spaces.Box:
        low, high = -1.0, 1.0
        if self._copies:
            for _, leaf in spaces.leaves(self._env.observation_space(params)):
                if isinstance(leaf, spaces.Box) and leaf.dtype != jnp.uint8:
                    low, high = min(low, leaf.low), max(high, leaf.high)
        return spaces.Box(low, high, (self._coins + self._walks + self._copies,))

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, DistractorsState]:
        key_coins, key_walks, key_another = jax.random.split(jax.random.fold_in(key, STREAM), 3)
        obs, env_state = self._env.reset(key, params)
        walks = jax.random.uniform(key_walks, (self._walks,), minval=-1.0)
        another = self._begin_another(key_another, params) if self._copies else None
        state = DistractorsState(env_state=env_state, walks=walks, another=another)
        return self.joined(obs, self._values(key_coins, state), params), state

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: DistractorsState, action: jax.Array, params: Any = None) -> Step:
        key_coins, key_walks, key_another = jax.random.split(jax.random.fold_in(key, STREAM), 3)
        step = self._env.step(key, state.env_state, action, params)
        inner = outcome(self._env, step)
        moved = state.walks + jax.random.uniform(key_walks, (self._walks,), minval=-STRIDE, maxval=STRIDE)
        walks = jnp.where(jnp.abs(moved) > 1, 2 * jnp.sign(moved) - moved, moved)
        another = self._go_on(key_another, state.another, params) if self._copies else None
        state = DistractorsState(env_state=inner.state, walks=walks, another=another)
        # The same beside both: they are the same observation unless the episode ended.
        values = self._values(key_coins, state)
        obs, final_obs = (self.joined(seen, values, params) for seen in (inner.obs, inner.final_obs))
        return changed(step, obs, state, {"final_observation": final_obs})

    def _values(self, key: jax.Array, state: DistractorsState) -> jax.Array:
        coins = jax.random.bernoulli(key, shape=(self._coins,)).astype(jnp.float32)
        copies = [state.another.shown] if self._copies else []
        return jnp.concatenate([coins, state.walks, *copies])

    def _begin_another(self, key: jax.Array, params: Any) -> Another:
        key_begin, key_start, key_steps = jax.random.split(key, 3)
        params = self.default_params if params is None else params
        longest = jnp.minimum(params.max_steps_in_episode, LONGEST_HEAD_START)
        head_start = jax.random.randint(key_start, (), 0, longest)
        obs, env_state = self._env.reset(key_begin, params)
        begun = Another(env_state=env_state, shown=self._shown(obs, params))

        def step(t: jax.Array, another: Another) -> Another:
            return self._go_on(jax.random.fold_in(key_steps, t), another, params)

        return jax.lax.fori_loop(0, head_start, step, begun)

    def _go_on(self, key: jax.Array, another: Another, params: Any) -> Another:
        key_action, key_step = jax.random.split(key)
        space, legal = self.action_space(params), self._env.legal_actions(another.env_state, params)
        action = space.sample(key_action) if legal is None else space.sample(key_action, legal)
        obs, env_state, *_ = self._env.step(key_step, another.env_state, action, params)
        return Another(env_state=env_state, shown=self._shown(obs, params))

    def _shown(self, obs: Any, params: Any) -> jax.Array:
        parts = zip(spaces.leaves(self._env.observation_space(params)), jax.tree.leaves(obs), strict=True)
        row = [leaf.encode(part).astype(jnp.float32) for (_, leaf), part in parts]
        return jnp.concatenate(row)[self._indices]
