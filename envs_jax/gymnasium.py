"""gymnasium's environments behind our contract, stepped outside of JAX."""

import atexit
import copy
import difflib
import importlib
import traceback
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.experimental import io_callback

from envs_jax import paths, spaces
from envs_jax.arguments import OneOf, Whole, check, needs
from envs_jax.environment import Environment, EnvParams, EnvState, Step
from envs_jax.external import Batches, External
from envs_jax.wrappers import Observe

PREFIX = "gymnasium:"
MOST_WORKERS = 1024
RULES = {"workers": Whole(0, MOST_WORKERS), "autoreset": OneOf(("same_step", "next_step"))}
"""Arguments of the bridge; all others go to ``gymnasium.make``."""
NO_LIMIT = 2**31 - 1


class Params(EnvParams):
    """``max_steps_in_episode``: the limit that gymnasium's own wrapper keeps; a large number without one."""

    max_steps_in_episode: int = struct.field(pytree_node=False, default=NO_LIMIT)


class State(EnvState):
    """What JAX knows of an environment, which holds its state itself.

    Attributes:
      time: Steps since the reset, int32[].
      ticket: Counts the calls, so that none can overtake another, int32[].
      over: Whether the next step only begins the next episode (``autoreset="next_step"``), bool[].
      legal: What the environment's ``info["action_mask"]`` allows, bool[A]; None where it has none.
    """

    ticket: jax.Array
    over: jax.Array
    legal: jax.Array | None


class Gymnasium(External):
    """Copies of an environment of gymnasium, for `jax.vmap` over a batch.

    Where one of them fails, `failure` says so in one sentence, `failure_details` has the traceback, and every
    further step returns zeros.

    Args:
      make: Makes one; takes ``render_mode`` where pictures are wanted.
      name: What it is called.
      workers: Processes that share the copies; 0 for none beside this one.
      autoreset: Whether an episode's last step returns the first observation of the next ("same_step"), or
        the step after it does ("next_step").
    """

    def __init__(
        self, make: Callable[..., Any], name: str, workers: int = 0, autoreset: str = "same_step"
    ) -> None:
        super().__init__()
        from gymnasium.vector import AutoresetMode

        from envs_jax.gymnasium_spaces import from_gymnasium

        self._make, self._name, self._workers = make, name, workers
        self._mode = AutoresetMode.SAME_STEP if autoreset == "same_step" else AutoresetMode.NEXT_STEP
        self.late_reset = autoreset == "next_step"
        one = make()
        self._spaces = (from_gymnasium(one.observation_space), from_gymnasium(one.action_space))
        limit = one.spec.max_episode_steps if one.spec is not None else None
        self._params = Params(max_steps_in_episode=limit or NO_LIMIT)
        self._draws = "rgb_array" in one.metadata.get("render_modes", ())
        self._has_masks = "action_mask" in one.reset(seed=0)[1]
        one.close()
        self._batch = Batches(self._start)
        self.failure_details = ""
        _close_at_exit(self)

    @property
    def name(self) -> str:
        return self._name

    @property
    def default_params(self) -> Params:
        return self._params

    def observation_space(self, params: Any = None) -> spaces.Space:
        """As gymnasium says, with bounds of single entries as those of all, and floats of 32 bits."""
        return self._spaces[0]

    def action_space(self, params: Any = None) -> spaces.Space:
        return self._spaces[1]

    def legal_actions(self, state: Any, params: Any = None) -> jax.Array | None:
        """What ``info["action_mask"]`` allowed after the last step or reset."""
        return state.legal

    def reset_all(self, size: int, seeds: jax.Array) -> tuple[Any, State]:
        like = (self._like_obs(size), self._like_legal(size), jax.ShapeDtypeStruct((size,), jnp.int32))
        # The ticket comes from the call, so that no step of the same program goes before it.
        obs, legal, ticket = io_callback(partial(self._on_reset, size), like, seeds)
        never = jnp.zeros(size, bool)
        return obs, State(time=jnp.zeros(size, jnp.int32), ticket=ticket, over=never, legal=legal)

    def step_all(self, size: int, state: State, action: jax.Array) -> Step:
        like = (
            self._like_obs(size),
            self._like_obs(size),
            *(jax.ShapeDtypeStruct((size,), dtype) for dtype in (jnp.float32, bool, bool, bool)),
            self._like_legal(size),
            jax.ShapeDtypeStruct((size,), jnp.int32),
        )
        obs, final_obs, reward, terminated, truncated, reset_step, legal, ticket = io_callback(
            partial(self._on_step, size), like, state.ticket, action
        )
        ended = terminated | truncated
        restarts = reset_step if self.late_reset else ended
        after = State(
            time=jnp.where(restarts, 0, state.time + 1),
            ticket=ticket,
            over=ended if self.late_reset else jnp.zeros_like(ended),
            legal=legal,
        )
        info = {"terminated": terminated, "truncated": truncated, "final_observation": final_obs}
        if self.late_reset:
            info["reset_step"] = reset_step
        return obs, after, reward, terminated, truncated, info

    def render(self, state: Any, params: Any = None) -> np.ndarray | None:
        """What the environment shows of a batch of one, uint8[H, W, 3]; None if it draws nothing."""
        return self._attempt(lambda: self._batch(1).render(), None) if self._draws else None

    def close(self) -> None:
        """Ends all copies and their processes; they are made anew when they are needed again."""
        for batch in self._batch.forget():
            batch.close()

    def _start(self, size: int) -> Any:
        from envs_jax.gymnasium_workers import Copies, Workers

        # Only an environment that is played alone is ever filmed.
        make = partial(self._make, render_mode="rgb_array") if size == 1 and self._draws else self._make
        if self._workers:
            return Workers(make, size, self._mode, self._workers)
        return Copies(make, size, self._mode)

    def _on_reset(self, size: int, seeds: Any) -> tuple[Any, ...]:
        like = (self._like_obs(size), self._like_legal(size))
        answer = self._attempt(lambda: self._batch(size).reset(np.asarray(seeds)), None)
        return *_as(like, answer), np.zeros(size, np.int32)

    def _on_step(self, size: int, ticket: Any, action: Any) -> tuple[Any, ...]:
        flags = (jax.ShapeDtypeStruct((size,), dtype) for dtype in (np.float32, bool, bool, bool))
        like = (self._like_obs(size), self._like_obs(size), *flags, self._like_legal(size))
        answer = self._attempt(lambda: self._batch(size).step(np.asarray(action)), None)
        return *_as(like, answer), np.asarray(ticket) + np.int32(1)

    def _attempt(self, call: Callable[[], Any], otherwise: Any) -> Any:
        """What a call returns; ``otherwise``, and a note of it, where it fails or something failed before."""
        if self.failure is not None:
            return otherwise
        try:
            return call()
        except (Exception, SystemExit) as error:  # whatever the environment's own code raises
            from envs_jax.gymnasium_workers import WorkerFailed

            if isinstance(error, WorkerFailed):
                self.failure, self.failure_details = str(error), error.details
            else:
                self.failure_details = traceback.format_exc()
                self.failure = f"The environment failed ({paths.explain(error)})."
            return otherwise

    def _like_obs(self, size: int) -> Any:
        leaf = lambda space: jax.ShapeDtypeStruct((size, *space.shape), space.dtype)  # noqa: E731
        return jax.tree.map(leaf, spaces.tree(self._spaces[0]))

    def _like_legal(self, size: int) -> Any:
        if not self._has_masks:
            return None
        actions: Any = self._spaces[1]
        return jax.ShapeDtypeStruct((size, sum(actions.encoded_sizes)), bool)


def make(name: str, observe: Any = None, **arguments: Any) -> Environment:
    """An environment by gymnasium's id.

    Args:
      name: Such as ``CartPole-v1``, or with a module that registers it, ``my_module:MyEnv-v0``.
      observe: Indices of the entries of the observation that are shown, such as ``(0, 2)``; None for all.
      **arguments: ``workers`` and ``autoreset`` as of `Gymnasium`; all others go to ``gymnasium.make``.

    Raises:
      ValueError: gymnasium is not installed, has no such environment, or cannot make it.
    """
    try:
        import gymnasium
    except ImportError as error:
        raise needs(error, "gymnasium") from None
    from envs_jax.gymnasium_spaces import NoCounterpart

    ours = check({k: v for k, v in arguments.items() if k in RULES}, RULES)
    theirs = {k: v for k, v in arguments.items() if k not in RULES}
    try:
        module, colon, known = name.rpartition(":")
        if colon:
            importlib.import_module(module)
        # A process of its own knows no ids that this one registered, so it is handed what they stand for.
        spec = gymnasium.registry.get(known, name)
        env = Gymnasium(partial(gymnasium.make, spec, **theirs), PREFIX + name, **ours)
    except NoCounterpart:
        raise
    except gymnasium.error.UnregisteredEnv as error:
        near = difflib.get_close_matches(name, gymnasium.registry, n=3) or ["CartPole-v1"]
        raise ValueError(f"gymnasium has no {name!r}; did you mean {' or '.join(near)}?") from error
    except Exception as error:  # whatever gymnasium, or the environment's own code, raises
        raise ValueError(f"gymnasium cannot make it ({paths.explain(error)})") from error
    return env if observe is None else Observe(env, observe)


def from_factory(factory: Callable[..., Any] | None, made: Any, *, name: str, **ours: Any) -> Gymnasium:
    """An environment of gymnasium that a class or function makes.

    Args:
      factory: Called without arguments, or with ``render_mode`` if it takes that; None to copy ``made``.
      made: One of them, which is left as it is.
      name: What it is called.
      **ours: ``workers`` and ``autoreset`` as of `Gymnasium`.

    Raises:
      ValueError: It cannot be made again or copied, an observation does not fit its space, or an argument of
        ours is wrong.
    """
    check(ours, RULES)
    copies = partial(copy.deepcopy, made)
    again = factory or copies
    try:
        one = again()
        if one is made:  # all that are played would be the same one
            again, one = copies, copies()
        obs, _ = one.reset(seed=0)
    except Exception as error:  # whatever the environment's own code raises
        raise ValueError(f"it cannot be made a second time and reset ({paths.explain(error)})") from error
    env = Gymnasium(partial(_with_render_mode, again), name, **ours)
    wanted = spaces.tree(env.observation_space())
    shapes = jax.tree.map(lambda space: tuple(space.shape), wanted)
    if (seen := jax.tree.map(np.shape, obs)) != shapes:
        raise ValueError(f"reset: observation has shape {seen}, its space {shapes}")
    one.close()
    return env


def _with_render_mode(factory: Callable[..., Any], render_mode: str | None = None) -> Any:
    """What a factory makes, asked to draw if that is wanted and it can be."""
    if render_mode is None:
        return factory()
    try:
        return factory(render_mode=render_mode)
    except TypeError:  # it takes no such argument, and so draws nothing
        return factory()


def _as(like: Any, answer: Any) -> Any:
    """An answer in the dtypes that were announced, or zeros in place of one that did not come."""
    if answer is None:  # of what is legal everything, for no policy may be left without an action
        zeros = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like[:-1])
        return *zeros, jax.tree.map(lambda x: np.ones(x.shape, x.dtype), like[-1])
    return jax.tree.map(lambda shape, x: np.asarray(x).astype(shape.dtype), like, tuple(answer))


_open: weakref.WeakSet[Gymnasium] = weakref.WeakSet()


def _close_at_exit(env: Gymnasium) -> None:
    _open.add(env)


@atexit.register
def _close_all() -> None:
    for env in list(_open):
        env.close()
