"""A trained agent: what comes out of a run, and plays."""

import warnings
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import chex
import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.environment import Environment
from iam_jax import play, stored
from iam_jax.build import Make, make_actor
from iam_jax.checkpoint import Checkpoints, Progress, Which
from iam_jax.config import Config, ConfigError
from iam_jax.limits import check_range
from iam_jax.models.actor_critic import forward
from iam_jax.play import Result
from iam_jax.ppo.rollout import Actor
from iam_jax.room import param_shapes

EVALUATION_SEED = 1_000_000
"""Of environments and actions; unlike any that training used by default."""


class Agent:
    """A network with its parameters, and the environment that it was trained in.

    Attributes:
      config: Of the run that it comes from.
      seed: Which of the run's seeds it is.
      actor: Environment (inside its wrappers) and model.
      params: Of the model.
      progress: How long it was trained.
    """

    def __init__(self, config: Config, seed: int, actor: Actor, params: Any, progress: Progress):
        self.config, self.seed, self.actor, self.params = config, seed, actor, params
        self.progress = progress

    @property
    def env(self) -> Environment:
        """The environment inside the run's wrappers: its observations are those that `act` reads."""
        return self.actor.env

    def initial_carry(self, batch_size: int = 1) -> Any:
        """An empty memory, [B, ...]."""
        return self.actor.model.initial_carry(batch_size)

    def act(self, obs: Any, carry: Any, first: Any, *, key: jax.Array | None = None) -> tuple[Any, Any]:
        """The action on an observation, and the memory after it.

        Args:
          obs: Of one environment, as its observation space says, or of B of them, [B, ...]; NumPy's or JAX's.
          carry: What this returned for the observation before, or `initial_carry` of B (1 for one).
          first: Whether ``obs`` begins an episode, so that the memory is cleared before it; bool or bool[B].
          key: Sample the action with it; by default the most probable one is taken.

        Returns:
          The action, int32[] or int32[B] and of NumPy unless ``obs`` is JAX's; and the memory, [B, ...].
        """
        shape = self.env.observation_space(self.actor.env_params).shape
        batched = np.ndim(obs) > len(shape)
        chex.assert_shape(obs, (None, *shape) if batched else shape)
        many = obs if batched else obs[None]
        firsts = jnp.broadcast_to(jnp.asarray(first, bool), many.shape[:1])
        action, carry = self._act(self.params, many, carry, firsts, key)
        action = action if batched else action[0]
        return (action if isinstance(obs, jax.Array) else np.asarray(action)), carry

    def evaluate(
        self, episodes: int = 1000, *, seed: int = EVALUATION_SEED, greedy: bool = False, **limits: Any
    ) -> Result:
        """Undiscounted returns of whole episodes, each in a fresh environment.

        Args:
          episodes: How many.
          seed: Of environments and actions.
          greedy: Take the most probable action instead of sampling one.
          **limits: ``max_steps``, ``stop`` and ``look`` of `iam_jax.play.finish`.

        Raises:
          ConfigError: A number cannot work.
        """
        check_range("final_episodes", episodes)
        check_range("seed", seed)
        limits.setdefault("max_steps", self.config.output.max_eval_steps)
        if self.env.single:
            return play.one_by_one(
                self.params,
                jax.random.key(seed),
                actor=self.actor,
                episodes=episodes,
                greedy=greedy,
                max_steps=limits["max_steps"],
            )
        game = self._begin(jax.random.key(seed), episodes)
        result = play.finish(partial(self._play_on[greedy], self.params), game, **limits)
        if result is None:
            raise KeyboardInterrupt
        if self.env.failure:
            raise ConfigError(self.env.failure)
        return result

    def film(self, file: str | Path, *, seed: int = EVALUATION_SEED) -> bool:
        """Writes an animated picture of one episode; False where there is nothing to draw."""
        return play.film(self.params, jax.random.key(seed), actor=self.actor, file=Path(file))

    def in_simulator(self, make: Make) -> "Agent":
        """The same agent in another simulator of its task; ``make`` stands for `envs_jax.make`."""
        return Agent(self.config, self.seed, make_actor(self.config, make), self.params, self.progress)

    @cached_property
    def _act(self) -> Any:
        def act(
            params: Any, obs: Any, carry: Any, first: jax.Array, key: jax.Array | None
        ) -> tuple[Any, Any]:
            carry, logits, _ = forward(self.actor.model, params, carry, obs[None], first[None])
            action = logits[0].argmax(-1) if key is None else jax.random.categorical(key, logits[0])
            return action, carry

        return jax.jit(act)

    @cached_property
    def _begin(self) -> Any:
        return jax.jit(
            lambda key, episodes: play.begin(key, actor=self.actor, episodes=episodes), static_argnums=1
        )

    @cached_property
    def _play_on(self) -> dict[bool, Any]:
        return {g: jax.jit(partial(play.play_on, actor=self.actor, greedy=g)) for g in (False, True)}

    def sibling(self, seed: int, params: Any) -> Self:
        """Another seed of the same run, which shares the compiled programs."""
        other = type(self)(self.config, seed, self.actor, params, self.progress)
        for name in ("_act", "_begin", "_play_on"):
            other.__dict__[name] = getattr(self, name)
        return other


def load(run_dir: str | Path, which: Which = "best", *, seed: int | None = None, env: Any = None) -> Agent:
    """The agent of a run.

    Args:
      run_dir: Folder of the run.
      which: The checkpoint with the best evaluation (mean over seeds), or the last one.
      seed: Of a run with several; by default its first.
      env: The environment, where the run was given it as a Python object; see `iam_jax.train`.

    Raises:
      ConfigError: The folder holds no run, its environment or a whole checkpoint cannot be had, or there is
        no such seed.
    """
    agents = load_all(run_dir, which, env=env)
    known = [agent.seed for agent in agents]
    if seed is not None and seed not in known:
        raise ConfigError(f"{run_dir} has the seeds {', '.join(map(str, known))}, not {seed}.")
    return agents[0 if seed is None else known.index(seed)]


def load_all(
    run_dir: str | Path, which: Which = "best", *, env: Any = None, say: Any = warnings.warn
) -> list[Agent]:
    """The agents of all seeds of a run; arguments as of `load`."""
    if which not in ("best", "last"):
        raise ConfigError(f"which must be best or last, not {which!r}.")
    config = stored.load(run_dir)
    actor = make_actor(config, given=env)
    params, progress = Checkpoints(run_dir).restore_params(param_shapes(config, actor), which, say)
    return of_seeds(config, actor, params, progress)


def of_seeds(config: Config, actor: Actor, params: Any, progress: Progress) -> list[Agent]:
    """One agent for each seed of a config; with several, parameters have a seed axis in front."""
    seeds = range(config.seed, config.seed + config.num_seeds)
    if len(seeds) == 1:
        return [Agent(config, seeds[0], actor, params, progress)]
    parts = [jax.tree.map(lambda x, i=i: x[i], params) for i in range(len(seeds))]
    first = Agent(config, seeds[0], actor, parts[0], progress)
    return [first, *(first.sibling(seed, part) for seed, part in zip(seeds[1:], parts[1:], strict=True))]
