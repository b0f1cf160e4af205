"""The original games inside jit: ALE's vector environment behind the contract. Needs the extra ``atari``.

`ale_py.AtariVectorEnv.xla` steps a whole batch of emulators in one call, and begins the next episode one step
late: the step after an episode's end ignores its action and returns the first observation of the next
one. ``info["reset_step"]`` marks it, so that nobody learns from it.
"""

import difflib
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from envs_jax import spaces
from envs_jax.arguments import Flag, Share, Whole, check, needs
from envs_jax.atari.screen import SIZE
from envs_jax.environment import EnvParams, EnvState, Step
from envs_jax.external import Batches, External

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


class Ale(External):
    """One game of ALE, for `jax.vmap` over a batch; the observation is uint8[84, 84, 1], grey.

    Args:
      game: ALE's name of it, such as ``ms_pacman``.
      params: How it is presented.
    """

    late_reset = True
    has_lives = True

    def __init__(self, game: str, params: AleParams):
        super().__init__()
        self.game, self._params = game, params
        self._batch = Batches(self._start)
        self._num_actions = len(self._batch(1)[0].ale.get_action_set())

    @property
    def name(self) -> str:
        return PREFIX + self.game

    @property
    def default_params(self) -> AleParams:
        return self._params

    def action_space(self, params: AleParams | None = None) -> spaces.Discrete:
        """ALE's minimal actions of the game."""
        return spaces.Discrete(self._num_actions)

    def observation_space(self, params: AleParams | None = None) -> spaces.Box:
        return spaces.Box(0, 255, (SIZE, SIZE, 1), jnp.uint8)

    def reset_all(self, size: int, seeds: jax.Array) -> tuple[jax.Array, AleState]:
        _, (handle, reset, _) = self._batch(size)
        handle, (obs, info) = reset(handle, seeds)
        state = AleState(
            time=jnp.zeros(size, jnp.int32),
            handle=jnp.broadcast_to(handle, (size, len(handle))),
            lives=info["lives"],
            over=jnp.zeros(size, bool),
        )
        return jnp.moveaxis(obs, 1, -1), state

    def step_all(self, size: int, state: AleState, action: jax.Array) -> Step:
        """As `Environment.step`, with the next episode's first observation one step later."""
        _, (_, _, step) = self._batch(size)
        handle, (obs, reward, game_over, truncated, info) = step(state.handle[0], action.astype(jnp.int32))
        obs, lives = jnp.moveaxis(obs, 1, -1), info["lives"]
        terminated = game_over
        if self._params.episodic_life:
            terminated |= (lives < state.lives) & ~state.over
        after = AleState(
            time=jnp.where(state.over, 0, state.time + 1),
            handle=jnp.broadcast_to(handle, state.handle.shape),
            lives=lives,
            over=game_over | truncated,
        )
        marks = {
            "terminated": terminated,
            "truncated": truncated,
            "final_observation": obs,
            "reset_step": state.over,
            "game_over": game_over,
        }
        return obs, after, reward.astype(jnp.float32), terminated, truncated, marks

    def _start(self, size: int) -> Any:
        """The emulators for a batch: ``(vector environment, (handle, reset, step))``."""
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
        handle, reset, step = vector.xla()
        return vector, (np.asarray(handle), reset, step)


RULES = {
    "max_steps_in_episode": Whole(1, 10**8),
    "max_noops": Whole(0, 10**4),
    "frame_skip": Whole(1, 60),
    "repeat_action_probability": Share(),
    "fire_reset": Flag(),
    "episodic_life": Flag(),
}
"""What each argument may be."""


def make(name: str, **params: Any) -> Ale:
    """A game by ALE's name or in capitals, such as ``Breakout`` or ``MsPacman``.

    Raises:
      ValueError: ale-py is not installed, has no such game or no ROM of it, or an argument is wrong.
    """
    try:
        import chex  # noqa: F401  ale-py needs it inside jit
        from ale_py import roms, vector_env  # noqa: F401
    except ImportError as error:
        raise needs(error, "atari") from None
    check(params, RULES)
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
