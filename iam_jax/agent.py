"""A trained agent: what comes out of a run, and plays."""

import warnings
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import chex
import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.environment import Environment
from iam_jax import play, pretrained, stored
from iam_jax.build import Make, make_actor
from iam_jax.checkpoint import Progress, Which
from iam_jax.config import Config, ConfigError
from iam_jax.limits import check_range
from iam_jax.opening import read_params
from iam_jax.play import Result
from iam_jax.ppo.rollout import Actor
from iam_jax.room import param_shapes
from iam_jax.sweep import Setting, label
from iam_jax.swept_env import swept_params

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
      setting: Of a sweep, what it was trained with; else empty.
    """

    def __init__(
        self,
        config: Config,
        seed: int,
        actor: Actor,
        params: Any,
        progress: Progress,
        setting: Setting | None = None,
    ):
        self.config, self.seed, self.actor, self.params = config, seed, actor, params
        self.progress, self.setting = progress, setting or {}

    @property
    def env(self) -> Environment:
        """The environment inside the run's wrappers: its observations are those that `act` reads."""
        return self.actor.env

    def initial_carry(self, batch_size: int = 1) -> Any:
        """An empty memory, [B, ...]."""
        return self.actor.model.initial_carry(batch_size)

    def act(
        self, obs: Any, carry: Any, first: Any, *, key: jax.Array | None = None, legal: Any = None
    ) -> tuple[Any, Any]:
        """The action on an observation, and the memory after it.

        Args:
          obs: Of one environment, as its observation space says, or of B of them, [B, ...]; NumPy's or JAX's.
            Tuples and dicts are trees of these.
          carry: What this returned for the observation before, or `initial_carry` of B (1 for one).
          first: Whether ``obs`` begins an episode, so that the memory is cleared before it; bool or bool[B].
          key: Sample the action with it; by default the most probable one is taken.
          legal: What may be chosen, bool[A] or bool[B, A] (`envs_jax.environment.Environment.legal_actions`);
            by default everything.

        Returns:
          The action, an element of the action space or [B, ...] of them, and of NumPy unless ``obs`` is
          JAX's; and the memory, [B, ...].

        Raises:
          AssertionError: ``obs`` is not of the observation space.
        """
        wanted = spaces.tree(self.env.observation_space(self.actor.env_params))
        leaf, space = jax.tree.leaves(obs)[0], jax.tree.leaves(wanted)[0]
        batched = np.ndim(leaf) > len(space.shape)
        axis = (None,) if batched else ()
        jax.tree.map(lambda space, x: chex.assert_shape(x, (*axis, *space.shape)), wanted, obs)
        many = obs if batched else jax.tree.map(lambda x: jnp.expand_dims(x, 0), obs)
        if legal is not None:
            legal = jnp.atleast_2d(jnp.asarray(legal, bool))
        firsts = jnp.broadcast_to(jnp.asarray(first, bool), jax.tree.leaves(many)[0].shape[:1])
        action, carry = self._act(self.params, many, carry, firsts, key, legal)
        action = action if batched else action[0]
        return (action if isinstance(leaf, jax.Array) else np.asarray(action)), carry

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
        policy = self.actor.model.policy

        def act(
            params: Any,
            obs: Any,
            carry: Any,
            first: jax.Array,
            key: jax.Array | None,
            legal: jax.Array | None,
        ) -> tuple[Any, Any]:
            carry, outputs, _ = self.actor.apply(params, carry, obs, first)
            outputs = policy.masked(outputs, legal)
            action = policy.mode(outputs) if key is None else policy.sample(key, outputs)
            return policy.to_env(action), carry

        return jax.jit(act)

    @cached_property
    def _begin(self) -> Any:
        return jax.jit(
            lambda key, episodes: play.begin(key, actor=self.actor, episodes=episodes), static_argnums=1
        )

    @cached_property
    def _play_on(self) -> dict[bool, Any]:
        return {g: jax.jit(partial(play.play_on, actor=self.actor, greedy=g)) for g in (False, True)}

    def sharing(self, other: "Agent") -> Self:
        """The agent with the compiled programs of another one of the same run."""
        for name in ("_act", "_begin", "_play_on"):
            self.__dict__[name] = getattr(other, name)
        return self


def load(
    run_dir: str | Path,
    which: Which = "best",
    *,
    seed: int | None = None,
    setting: Setting | None = None,
    env: Any = None,
) -> Agent:
    """The agent of a run, or one that comes with the package.

    Args:
      run_dir: Folder of the run, or ``pretrained:NAME`` (``python -m iam_jax.pretrained`` lists the names).
      which: The checkpoint with the best evaluation (mean over all that were trained together), or the last.
      seed: Of a run with several; by default its first.
      setting: Of a sweep, such as ``{"learning_rate": 0.001}``; by default the one that ended best, or the
        first if the sweep has not ended.
      env: The environment, where the run was given it as a Python object; see `iam_jax.train`.

    Raises:
      ConfigError: The folder holds no run, or the package no such agent; its environment or a whole
        checkpoint cannot be had; or there is no such seed or setting.
    """
    agents = load_all(run_dir, which, env=env)
    settings = [agent.setting for agent in agents]
    if setting is None:
        setting = stored.load_winner(run_dir) or settings[0]
    if setting not in settings:
        known = "; ".join(dict.fromkeys(map(label, settings)))
        raise ConfigError(f"{run_dir} has the settings {known}, not {label(setting)}.")
    agents = [agent for agent in agents if agent.setting == setting]
    known_seeds = [agent.seed for agent in agents]
    if seed is not None and seed not in known_seeds:
        raise ConfigError(f"{run_dir} has the seeds {', '.join(map(str, known_seeds))}, not {seed}.")
    return agents[0 if seed is None else known_seeds.index(seed)]


def load_all(
    run_dir: str | Path, which: Which = "best", *, env: Any = None, say: Any = warnings.warn
) -> list[Agent]:
    """The agents of all settings and seeds of a run; arguments as of `load`."""
    if which not in ("best", "last"):
        raise ConfigError(f"which must be best or last, not {which!r}.")
    config = stored.load(pretrained.folder_of(run_dir))
    actor, env_params = make_actor(config, given=env), swept_params(config, given=env)
    params, progress = read_params(run_dir, param_shapes(config, actor), which, say)
    return of_runs(config, actor, params, progress, env_params)


def of_runs(
    config: Config, actor: Actor, params: Any, progress: Progress, env_params: Any = None
) -> list[Agent]:
    """One agent for each setting and seed of a config; with several, parameters have a run axis in front.

    ``env_params`` as of `iam_jax.learners.Learners`.
    """
    agents: list[Agent] = []
    first: Agent | None = None
    for i, setting in enumerate(config.settings):
        if env_params is not None:  # its own numbers are in its programs
            first = None
        for j in range(config.num_seeds):
            run = i * config.num_seeds + j
            part = params if config.num_runs == 1 else jax.tree.map(lambda x, run=run: x[run], params)
            plays = actor
            if env_params is not None:
                plays = actor.at(jax.tree.map(lambda x, i=i: x[i], env_params))
            agent = Agent(config.at(setting), config.seed + j, plays, part, progress, setting)
            first = first or agent
            agents.append(agent.sharing(first))
    return agents
