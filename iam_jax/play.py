"""Playing episodes with a trained agent: for their returns, or as an animated picture."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from PIL import Image

from envs_jax.spaces import as_float
from iam_jax.pictures import in_colour
from iam_jax.ppo.rollout import Actor, ActorState
from iam_jax.sharding import largest

MILLISECONDS_PER_STEP = 150
SIDE = 320
"""Pixels along an observation that is drawn, or less for whole pixels per entry."""
SECONDS_OF_A_CALL = 1.0
"""For so long the compiled program may play before the host looks again."""
FIRST_STEPS = 16
"""Steps of the first call, which shows how long one takes."""


class Result(NamedTuple):
    """What episodes earned.

    Attributes:
      returns: Undiscounted, float32[..., N]; of an unfinished episode what it had earned so far.
      unfinished: How many were cut because they were too long.
    """

    returns: np.ndarray
    unfinished: int = 0

    def without(self, diverged: np.ndarray) -> "Result":
        """With nan in place of what runs earned whose parameters are no longer finite, bool[S]."""
        return self._replace(returns=np.where(diverged[:, None], np.nan, self.returns))

    @property
    def mean(self) -> float:
        """Mean over the episodes."""
        return float(self.returns.mean())

    @property
    def se(self) -> float:
        """Standard error of the mean over the episodes."""
        return float(self.returns.std() / self.returns.size**0.5)


class Game(struct.PyTreeNode):
    """N environments in their first episodes.

    Attributes:
      actors: Where they stand, [N, ...].
      returns: Of the episodes that ended, and what the others have earned, float32[N].
      done: Whether the first episode ended, bool[N].
      key: Source of all further randomness.
      steps: Played so far, int32[].
    """

    actors: ActorState
    returns: jax.Array
    done: jax.Array
    key: jax.Array
    steps: jax.Array


def begin(key: jax.Array, *, actor: Actor, episodes: int) -> Game:
    """N fresh environments."""
    key_reset, key = jax.random.split(key)
    actors = actor.reset(key_reset, episodes)
    dtype = actors.env_state.episode_return.dtype
    return Game(
        actors=actors,
        returns=jnp.zeros(episodes, dtype),
        done=jnp.zeros(episodes, bool),
        key=key,
        steps=jnp.int32(0),
    )


def play_on(params: Any, game: Game, until: jax.Array | int, *, actor: Actor, greedy: bool = False) -> Game:
    """Plays until every first episode has ended, or ``until`` steps are played.

    One episode per environment, so that short episodes do not count more than long ones.

    Args:
      params: Of the actor's model.
      game: What `begin` or this function returned.
      until: int32[].
      actor: Environment and model.
      greedy: Take the most probable action instead of sampling one.
    """

    def step(game: Game) -> Game:
        key_step, key = jax.random.split(game.key)
        actors, transition = actor.act(params, game.actors, key_step, greedy=greedy)
        returns = jnp.where(game.done, game.returns, transition.episode["return"])
        done = game.done | transition.episode["ended"]
        return Game(actors=actors, returns=returns, done=done, key=key, steps=game.steps + 1)

    return jax.lax.while_loop(lambda game: ~game.done.all() & (game.steps < until), step, game)


def finish(
    play_on: Callable[[Game, Any], Game],
    game: Game,
    *,
    max_steps: int,
    stop: Callable[[], bool] = lambda: False,
    look: Callable[[int, int], None] = lambda done, episodes: None,
) -> Result | None:
    """Plays every episode to its end, in calls of about a second, so that the host can look in between.

    Args:
      play_on: The compiled `play_on`, of a game and the step to play to.
      game: Fresh; with a seed axis in front if there are several seeds.
      max_steps: Episodes that are longer are cut.
      stop: Whether to give up; asked after each call.
      look: Is told how many of all episodes have ended, after each call.

    Returns:
      None where it was stopped.
    """
    steps, more = 0, FIRST_STEPS
    while steps < max_steps:
        began = time.perf_counter()
        steps = min(steps + more, max_steps)
        game = play_on(game, np.int32(steps))
        done = np.asarray(game.done)
        look(int(done.sum()), done.size)
        if stop():
            return None
        if done.all():
            break
        # At most twice as many as before: the first call also compiled. And the same in all processes.
        seconds = (time.perf_counter() - began) / more
        more = -largest(-max(1, min(2 * more, int(SECONDS_OF_A_CALL / seconds))))
    return Result(np.asarray(game.returns), int((~done).sum()))


def episode_returns(
    params: Any,
    key: jax.Array,
    *,
    actor: Actor,
    episodes: int,
    greedy: bool = False,
    max_steps: int = 100_000,
) -> np.ndarray:
    """Undiscounted returns of the first episode of each of ``episodes`` fresh environments.

    Args:
      params: Of the actor's model.
      key: Source of all randomness.
      actor: Environment and model.
      episodes: N.
      greedy: Take the most probable action instead of sampling one.
      max_steps: Episodes that are longer are cut.

    Returns:
      float32[N].
    """
    program = jax.jit(partial(play_on, actor=actor, greedy=greedy))
    game = jax.jit(partial(begin, actor=actor, episodes=episodes))(key)
    result = finish(partial(program, params), game, max_steps=max_steps)
    assert result is not None  # nothing stops it
    return result.returns


def one_by_one(
    params: Any,
    key: jax.Array,
    *,
    actor: Actor,
    episodes: int,
    greedy: bool = False,
    max_steps: int = 100_000,
) -> Result:
    """Plays in a simulator that holds one environment: one episode after the other."""
    play = partial(play_on, actor=actor, greedy=greedy)
    program = jax.jit(lambda key: play(params, begin(key, actor=actor, episodes=1), max_steps))
    games = [jax.device_get(program(episode_key)) for episode_key in jax.random.split(key, episodes)]
    returns = np.concatenate([game.returns for game in games])
    return Result(returns, sum(not game.done[0] for game in games))


def film(params: Any, key: jax.Array, *, actor: Actor, file: Path) -> bool:
    """Plays one episode with sampled actions and writes a GIF, one frame per step.

    Returns:
      False, with nothing written, if neither the environment draws itself nor the observation is an image.
    """
    pictures = (
        draw(actor, state.env_state) or seen(actor, state) for state in episode(params, key, actor=actor)
    )
    first = next(pictures)
    if first is None:
        return False
    save_gif((picture for picture in chain([first], pictures) if picture is not None), file)
    return True


def episode(params: Any, key: jax.Array, *, actor: Actor, max_steps: int = 1000) -> Iterator[ActorState]:
    """Where one environment stands before each step of an episode with sampled actions, B = 1."""
    key_reset, key = jax.random.split(key)
    state = jax.jit(actor.reset, static_argnums=1)(key_reset, 1)
    act = jax.jit(actor.act)
    for step in range(max_steps):
        yield state
        state, _ = act(params, state, jax.random.fold_in(key, step))
        if state.first[0]:
            break


def draw(actor: Actor, env_state: Any) -> Image.Image | None:
    """The first of B environments as it draws itself, if it can."""
    image = actor.env.render(jax.tree.map(lambda x: x[0], env_state), actor.env_params)
    return None if image is None else Image.fromarray(image)


def seen(actor: Actor, state: ActorState) -> Image.Image | None:
    """What the agent sees of the first of B environments, if that has an image, of several the first; of a
    stack, the newest.
    """
    images = [leaf for leaf in jax.tree.leaves(state.obs) if leaf.ndim == 4]
    if not images:
        return None
    return picture_of(images[0][0], actor.env.num_frames)


def picture_of(obs: Any, num_frames: int) -> Image.Image:
    """An image observation [Y, X, C], enlarged; of a stack of frames, the newest."""
    brightness = np.asarray(as_float(obs))
    newest = brightness[..., : brightness.shape[-1] // num_frames]
    enlarge = max(1, SIDE // max(newest.shape[:2]))
    return Image.fromarray(in_colour(newest).repeat(enlarge, 0).repeat(enlarge, 1))


def save_gif(frames: Iterator[Image.Image], file: Path) -> None:
    """An animated picture that is repeated for ever; frames may be drawn as they are written."""
    next(frames).save(
        file, format="GIF", save_all=True, append_images=frames, duration=MILLISECONDS_PER_STEP, loop=0
    )
