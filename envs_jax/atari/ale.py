"""The original games inside jit: ALE's vector environment behind the contract. Needs the extra ``atari``.

`ale_py.AtariVectorEnv.xla` steps a whole batch of emulators in one call, and begins the next episode one step
late: the step after an episode's end ignores its action and returns the first observation of the next
one. ``info["reset_step"]`` marks it, so that nobody learns from it.
"""

import difflib
import re
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.custom_batching import custom_vmap

from envs_jax import spaces
from envs_jax.atari.screen import SIZE
from envs_jax.environment import Environment, EnvParams, EnvState, Step

PREFIX = "ale:"


class AleParams(EnvParams):
    """How a game is presented; all of it is fixed when the emulators start.

    Attributes:
      max_steps_in_episode: Time limit in steps; the default is ALE's 108,000 frames.
      max_noops: An episode begins after 1 to this many frames without action; 0 for none.
      frame_skip: Frames for which an action is held; the brighter of the last two is seen.
      repeat_action_probability: Chance that ALE repeats the last action in a frame (Machado et al. 2018
        use 0.25; the paper none).
      fire_reset: Press FIRE at the beginning of an episode, in games that wait for it.
      episodic_life: A life lost is ``terminated`` too. Game, memory and reported return go on.
    """

    max_steps_in_episode: int = struct.field(pytree_node=False, default=27_000)
    max_noops: int = struct.field(pytree_node=False, default=30)
    frame_skip: int = struct.field(pytree_node=False, default=4)
    repeat_action_probability: float = struct.field(pytree_node=False, default=0.0)
    fire_reset: bool = struct.field(pytree_node=False, default=False)
    episodic_life: bool = struct.field(pytree_node=False, default=False)


class AleState(EnvState):
    """What JAX knows of an emulator, which holds the game itself.

    Attributes:
      time: Steps since the reset, int32[].
      handle: Address of the batch of emulators, the same in all of them, uint8[8].
      lives: int32[].
      over: Whether the episode has ended, so that the next step begins another one, bool[].
    """

    handle: jax.Array
    lives: jax.Array
    over: jax.Array


class Ale(Environment):
    """One game of ALE, for `jax.vmap` over a batch; the observation is uint8[84, 84, 1], grey.

    The emulators are outside of JAX: there is one set of them for each batch size, a step cannot be taken
    twice, and a stored state cannot be continued in another process.

    Args:
      game: ALE's name of it, such as ``ms_pacman``.
      params: How it is presented.
    """

    external = True

    def __init__(self, game: str, params: AleParams):
        self.game, self._params = game, params
        self._batches: dict[int, Any] = {}
        self._num_actions = len(self._batch(1)[0].ale.get_action_set())

        # A vmapped call steps all emulators at once; alone, a batch of one.
        self._reset_one = custom_vmap(lambda seed: _first(self._reset_all(1, seed[None])))
        self._step_one = custom_vmap(
            lambda state, action: _first(self._step_all(1, _batched(state), action[None]))
        )
        self._reset_one.def_vmap(self._reset_rule)
        self._step_one.def_vmap(self._step_rule)

    @property
    def name(self) -> str:
        return PREFIX + self.game

    @property
    def default_params(self) -> AleParams:
        return self._params

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: jax.Array, params: AleParams | None = None) -> tuple[jax.Array, AleState]:
        return self._reset_one(jax.random.randint(key, (), 0, np.iinfo(np.int32).max))

    @partial(jax.jit, static_argnames=("self",))
    def step(
        self, key: jax.Array, state: AleState, action: jax.Array, params: AleParams | None = None
    ) -> Step:
        """As `Environment.step`, with the next episode's first observation one step later.

        ``info["reset_step"]``: this was that step. ``info["game_over"]``: the episode ended with this step,
        not only a life.
        """
        obs, stepped, reward, game_over, truncated = self._step_one(state, action.astype(jnp.int32))
        terminated = game_over
        if self._params.episodic_life:
            terminated |= (stepped.lives < state.lives) & ~state.over
        info: dict[str, Any] = {
            "terminated": terminated,
            "truncated": truncated,
            "final_observation": obs,
            "reset_step": state.over,
            "game_over": game_over,
        }
        return obs, stepped, reward, terminated, truncated, info

    def action_space(self, params: AleParams | None = None) -> spaces.Discrete:
        """ALE's minimal actions of the game."""
        return spaces.Discrete(self._num_actions)

    def observation_space(self, params: AleParams | None = None) -> spaces.Box:
        return spaces.Box(0, 255, (SIZE, SIZE, 1), jnp.uint8)

    def _batch(self, size: int) -> Any:
        """The emulators for a batch: ``(vector environment, (handle, reset, step))``."""
        if size not in self._batches:
            from ale_py.vector_env import AtariVectorEnv

            params = self._params
            vector = AtariVectorEnv(
                self.game,
                size,
                stack_num=1,
                frameskip=params.frame_skip,
                maxpool=params.frame_skip > 1,
                noop_max=params.max_noops,
                use_fire_reset=params.fire_reset,
                reward_clipping=False,
                max_num_frames_per_episode=params.max_steps_in_episode * params.frame_skip,
                repeat_action_probability=params.repeat_action_probability,
            )
            with jax.ensure_compile_time_eval():  # a batch may be met first while a program is traced
                handle, reset, step = vector.xla()
                self._batches[size] = vector, (np.asarray(handle), reset, step)
        return self._batches[size]

    def _reset_all(self, size: int, seeds: jax.Array) -> tuple[jax.Array, AleState]:
        _, (handle, reset, _) = self._batch(size)
        handle, (obs, info) = reset(handle, seeds)
        state = AleState(
            time=jnp.zeros(size, jnp.int32),
            handle=jnp.broadcast_to(handle, (size, len(handle))),
            lives=info["lives"],
            over=jnp.zeros(size, bool),
        )
        return jnp.moveaxis(obs, 1, -1), state

    def _step_all(self, size: int, state: AleState, action: jax.Array) -> Any:
        _, (_, _, step) = self._batch(size)
        handle, (obs, reward, game_over, truncated, info) = step(state.handle[0], action)
        state = AleState(
            time=jnp.where(state.over, 0, state.time + 1),
            handle=jnp.broadcast_to(handle, state.handle.shape),
            lives=info["lives"],
            over=game_over | truncated,
        )
        return jnp.moveaxis(obs, 1, -1), state, reward.astype(jnp.float32), game_over, truncated

    def _reset_rule(self, size: int, batched: Any, seeds: jax.Array) -> Any:
        outputs = self._reset_all(size, seeds)
        return outputs, jax.tree.map(lambda _: True, outputs)

    def _step_rule(self, size: int, batched: Any, state: AleState, action: jax.Array) -> Any:
        if not batched[1]:
            action = jnp.broadcast_to(action, (size,))
        outputs = self._step_all(size, state, action)
        return outputs, jax.tree.map(lambda _: True, outputs)


def _first(tree: Any) -> Any:
    return jax.tree.map(lambda x: x[0], tree)


def _batched(tree: Any) -> Any:
    return jax.tree.map(lambda x: x[None], tree)


LIMITS: dict[str, tuple[type, float, float]] = {
    "max_steps_in_episode": (int, 1, 10**8),
    "max_noops": (int, 0, 10**4),
    "frame_skip": (int, 1, 60),
    "repeat_action_probability": (float, 0, 1),
    "fire_reset": (bool, 0, 1),
    "episodic_life": (bool, 0, 1),
}
"""Type, least and greatest value of each argument."""


def make(name: str, **params: Any) -> Ale:
    """A game by ALE's name or in capitals, such as ``Breakout`` or ``MsPacman``.

    Raises:
      ValueError: ale-py is not installed, has no such game or no ROM of it, or an argument is wrong.
    """
    try:
        import chex  # noqa: F401  ale-py needs it inside jit
        from ale_py import roms, vector_env  # noqa: F401
    except ImportError as error:
        raise ValueError(f"it needs {error.name}: pip install 'iam-jax[atari]'") from None
    _check(params)
    game = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    known = roms.get_all_rom_ids()
    if game not in known:
        near = difflib.get_close_matches(game, known) or ["pong", "breakout", "ms_pacman"]
        raise ValueError(
            f"ALE has no game {name!r}; it has {', '.join(near)} and others, {len(known)} in all"
        )
    if roms.get_rom_path(game) is None:
        raise ValueError(f"the ROM of {game} is missing: reinstall ale-py, which brings it")
    return Ale(game, AleParams(**params))


def simulate(name: str, **params: Any) -> tuple[Ale, AleParams]:
    """As `envs_jax.make`, of the original of our ``pong`` or ``breakout``, presented as they are.

    Raises:
      ValueError: It is another environment, an argument is wrong, or ALE is missing.
    """
    if name not in ("pong", "breakout"):
        raise ValueError(f"ALE simulates pong and breakout, not {name}.")
    try:
        env = make(name, **params)
    except ValueError as error:
        raise ValueError(f"Environment {name!r} in ALE: {error}.") from error
    return env, env.default_params


def _check(params: dict[str, Any]) -> None:
    for name, value in params.items():
        if name not in LIMITS:
            raise ValueError(f"there is no {name!r} (but {', '.join(LIMITS)})")
        kind, low, high = LIMITS[name]
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or (isinstance(value, bool) and kind is not bool) or not low <= value <= high:
            words = {int: f"a whole number from {low} to {high}", float: f"from {low} to {high}"}
            raise ValueError(f"{name} must be {words.get(kind, 'true or false')}, not {value!r}")
