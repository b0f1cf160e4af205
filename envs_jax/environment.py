"""The environment contract, and the protocol of a step written once.

An environment says how an episode begins, how it goes on and what the agent sees; `Environment.step` does
the rest, among it the reset at an episode's end. Seen from outside this is gymnax 1.0's contract (``reset``,
``step``, spaces), so learners and wrappers written for gymnax run on it; gymnax itself is not imported.

An environment object holds only static choices (names, shapes); everything that varies lives in the state and
in the params, so one object serves any number of vmapped copies. Rules live in pure functions beside it
(``dynamics.py``), with the randomness passed in, so that a recorded episode can be replayed exactly.
"""

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

Tree = TypeVar("Tree")
Step = tuple[Any, Any, jax.Array, jax.Array, jax.Array, dict[str, Any]]
"""Observation, state, reward f32[], terminated bool[], truncated bool[], info."""
Policy = Callable[..., jax.Array]
"""``(key, state, params) -> action``."""


class EnvState(struct.PyTreeNode):
    """State of one environment. ``time``: steps since the reset, int32[]."""

    time: jax.Array


class EnvParams(struct.PyTreeNode):
    """Numbers of one environment. ``max_steps_in_episode``: the time limit."""

    max_steps_in_episode: int = 1


class Environment:
    """One environment without batch dimension; `jax.vmap` over keys, states and actions adds it.

    Subclasses define `begin`, `advance`, `observe`, the two spaces and, if the task can end before its time
    limit, `is_terminated`. Everything else has a default.

    Attributes:
      shares_key: `advance` and `begin` read the same key, or what `draw` made of it, which saves drawing
        twice. Right only where what is drawn in a step does not decide whether the episode ends with it.
      external: The state is a token for something outside of JAX: each batch is stepped once and in order,
        and a stored state cannot be continued.
      single: There is only one of it at a time, so batches are of one environment.
      late_reset: The next episode begins one step late: a step that ends an episode returns its last
        observation, and the step after it, which ignores its action and is marked by ``info["reset_step"]``,
        the first one of the next episode.
      has_lives: A lost life is ``terminated`` too; ``info["game_over"]`` says whether the game ended.
      render_aligned: The picture that `render` draws shows what an image observation shows, every thing at
        the same place.
      num_frames: Observations that lie behind each other along an observation's last axis, newest first.
      failure: What went wrong outside of JAX, in one sentence, or None. Steps after it return zeros, because
        an exception cannot leave a compiled program: whoever runs one looks here after each call.
    """

    shares_key: bool = False
    external: bool = False
    single: bool = False
    late_reset: bool = False
    has_lives: bool = False
    render_aligned: bool = False
    num_frames: int = 1
    failure: str | None = None

    # What an environment says.

    def begin(self, key: jax.Array, params: Any) -> Any:
        """The first state of an episode."""
        raise NotImplementedError(f"{type(self).__name__} must define begin(key, params) -> state")

    def advance(self, key: jax.Array, state: Any, action: jax.Array, params: Any) -> tuple[Any, jax.Array]:
        """The state one step later, with ``time`` one higher, and the reward, float32[]."""
        raise NotImplementedError(
            f"{type(self).__name__} must define advance(key, state, action, params) -> state, reward"
        )

    def observe(self, state: Any, params: Any) -> Any:
        """What the agent sees of a state: an element of `observation_space`."""
        raise NotImplementedError(f"{type(self).__name__} must define observe(state, params) -> observation")

    def action_space(self, params: Any = None) -> Any:
        """One of `envs_jax.spaces`."""
        raise NotImplementedError(f"{type(self).__name__} must define action_space(params)")

    def observation_space(self, params: Any = None) -> Any:
        """One of `envs_jax.spaces`."""
        raise NotImplementedError(f"{type(self).__name__} must define observation_space(params)")

    def is_terminated(self, state: Any, params: Any) -> jax.Array:
        """Whether the task itself has ended in ``state``, bool[]. By default never."""
        return jnp.zeros((), bool)

    def is_truncated(self, state: Any, params: Any) -> jax.Array:
        """Whether ``state`` has reached the time limit, bool[]."""
        return state.time >= params.max_steps_in_episode

    @cached_property
    def default_params(self) -> Any:
        """The numbers of the environment, with at least ``max_steps_in_episode``; may be set, too."""
        return EnvParams()

    @property
    def name(self) -> str:
        return type(self).__name__

    # What an environment may say beside it.

    def draw(self, key: jax.Array, params: Any) -> jax.Array:
        """What `begin` and `advance` are given as their ``key``: the key, or the numbers drawn from it.

        Where both share it (`shares_key`), what is drawn here is drawn once; the compiler does not merge two
        equal calls of Threefry.
        """
        return key

    def begin_after(self, key: jax.Array, last: Any, params: Any) -> Any:
        """The first state of an episode that follows one which ended in the state ``last``."""
        return self.begin(key, params)

    def opening(self, params: Any) -> Any:
        """The observation with which every episode begins, if it is always the same: it saves drawing it."""
        return None

    def d_set(self, params: Any = None) -> tuple[int | str, ...] | None:
        """What of the observation influences what is hidden; None if nobody has named it.

        Indices of its entries, all parts in a row; or names of parts (``camera``) and their entries
        (``velocity[1]``).
        """
        return None

    def legal_actions(self, state: Any, params: Any = None) -> jax.Array | None:
        """Which actions may be taken in a state, bool[n], at least one of them; None where all may.

        Of a `MultiDiscrete` space the masks of all choices in a row, bool[sum(sizes)], at least one of each.
        """
        return None

    def hidden(self, state: Any) -> Any:
        """What the agent cannot see of a state, a tree of arrays; None if the environment does not say.

        A whole number below 0 says that there is nothing: the age of an item that is not there.
        """
        return None

    def hidden_names(self) -> tuple[str, ...] | None:
        """What each entry of `hidden` is called, all arrays in a row; None where their places have to do."""
        return None

    def policies(self) -> dict[str, Policy]:
        """Reference policies that need no learning."""
        return {}

    def render(self, state: Any, params: Any = None) -> np.ndarray | None:
        """A picture of a state, uint8[H, W, 3]; None if the environment does not draw itself."""
        return None

    def close(self) -> None:
        """Ends whatever runs outside of JAX."""

    # The protocol, which follows from the above.

    @property
    def num_actions(self) -> int:
        """How many actions a discrete environment has."""
        return self.action_space(self.default_params).n

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Any = None) -> Step:
        """One transition; an episode that ends is followed by the first observation of the next.

        Args:
          key: Random key of this transition.
          state: State before the step.
          action: Element of the action space.
          params: Environment numbers; the default ones if None.

        Returns:
          ``(observation, state, reward, terminated, truncated, info)``. After an episode's end, observation
          and state are those of the new episode, and ``info["final_observation"]`` is the last one of the old
          episode. ``terminated`` (the task ended) and ``truncated`` (the time limit was reached) may both be
          true. See `late_reset` and `has_lives` for what else ``info`` may hold; `outcome` reads it.
        """
        params = self.default_params if params is None else params
        if self.shares_key:
            drawn_step = drawn_begin = self.draw(key, params)
        else:
            drawn_step, drawn_begin = (self.draw(part, params) for part in jax.random.split(key))
        stepped, reward = self.advance(drawn_step, state, action, params)
        terminated, truncated = self.is_terminated(stepped, params), self.is_truncated(stepped, params)
        ended = terminated | truncated
        state = select(ended, self.begin_after(drawn_begin, stepped, params), stepped)
        final_obs, opening = self.observe(stepped, params), self.opening(params)
        # What is observed after the choice costs less than two first observations of which one is dropped.
        obs = self.observe(state, params) if opening is None else select(ended, opening, final_obs)
        info = {"terminated": terminated, "truncated": truncated, "final_observation": final_obs}
        return obs, state, reward, terminated, truncated, info

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: Any = None) -> tuple[Any, Any]:
        """First observation and state of an episode."""
        params = self.default_params if params is None else params
        state = self.begin(self.draw(key, params), params)
        return self.observe(state, params), state

    def step_env(
        self, key: jax.Array, state: Any, action: jax.Array, params: Any
    ) -> tuple[Any, Any, jax.Array, jax.Array, dict[str, Any]]:
        """The hook of gymnax below `step`, without auto-reset: obs, state, reward, terminated, info."""
        state, reward = self.advance(self.draw(key, params), state, action, params)
        return self.observe(state, params), state, reward, self.is_terminated(state, params), {}

    def reset_env(self, key: jax.Array, params: Any) -> tuple[Any, Any]:
        """The hook of gymnax below `reset`."""
        state = self.begin(self.draw(key, params), params)
        return self.observe(state, params), state

    def discount(self, state: Any, params: Any) -> jax.Array:
        """0 where the task has ended and 1 elsewhere, float32[]."""
        return 1.0 - jnp.float32(self.is_terminated(state, params))


class Outcome(struct.PyTreeNode):
    """What a step returned, as learners and wrappers read it.

    Attributes:
      obs: The observation to act on next.
      state: The state to step next.
      reward: float32[].
      terminated: The task ended, or a life was lost (`Environment.has_lives`), bool[].
      truncated: The time limit ended the episode, bool[].
      final_obs: The observation that the step led to: after an episode's end its last one.
      first: Whether ``obs`` begins an episode, bool[].
      game_over: Whether the episode ended with this step, which a lost life alone does not, bool[].
      reset_step: Whether the step only began the next episode (`Environment.late_reset`), bool[]; None where
        no step does.
    """

    obs: Any
    state: Any
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_obs: Any
    first: jax.Array
    game_over: jax.Array
    reset_step: jax.Array | None


def outcome(env: Environment, step: Step) -> Outcome:
    """Reads what ``env.step`` returned; the one place that knows the entries of ``info``."""
    obs, state, reward, terminated, truncated, info = step
    reset_step = info["reset_step"] if env.late_reset else None
    return Outcome(
        obs=obs,
        state=state,
        reward=reward,
        terminated=terminated,
        truncated=truncated,
        final_obs=info["final_observation"],
        first=terminated | truncated if reset_step is None else reset_step,
        game_over=(info["game_over"] if env.has_lives else terminated) | truncated,
        reset_step=reset_step,
    )


def select(condition: jax.Array, if_true: Tree, if_false: Tree) -> Tree:
    """`jnp.where` on every leaf of two trees, for a scalar condition."""
    return jax.tree.map(partial(jax.lax.select, condition), if_true, if_false)
