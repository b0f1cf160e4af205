"""Trained agents, opened: what they play, and what they hold while they play."""

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from iam_jax.agent import Agent, load_all
from iam_jax.config import ConfigError
from iam_jax.models.actor_critic import FNN, inside


def parse_runs(name: str, description: str | None, episodes: int) -> argparse.Namespace:
    """The command line of what looks at trained agents: "runs", "episodes" and "output"."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.reproduction.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs; all their seeds are averaged")
    parser.add_argument("--episodes", type=int, default=episodes)
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options = parser.parse_args()
    if options.episodes < 2:
        parser.error("--episodes must be at least 2: an episode's memory is swapped with another's")
    return options


def load_agents(run_dir: Path) -> list[Agent]:
    """Every seed of a run, as it ended.

    Raises:
      ConfigError: The folder holds no run, its agent has no memory, or its observations are images.
    """
    agents = load_all(run_dir, "last")
    actor = agents[0].actor
    if isinstance(actor.model, FNN) or len(actor.env.observation_space(None).shape) != 1:
        raise ConfigError(f"{run_dir} is not an agent with a memory that reads vectors.")
    return agents


def held(agent: Agent, obs: jax.Array, first: jax.Array) -> dict[str, jax.Array]:
    """What the network computes from a sequence: "memory" d_t, and "features" x_t, [T, B, ...] each.

    Args:
      agent: Whose network.
      obs: Of episodes that begin at t = 0, float[T, B, O].
      first: bool[T, B].
    """
    model = agent.actor.model
    _, found = inside(model, agent.params, model.initial_carry(obs.shape[1]), obs, first)
    return {name: found[name] for name in ("memory", "features")}


def play(agent: Agent, key: jax.Array, episodes: int) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Episodes of full length with sampled actions.

    Returns:
      obs, float[T, N, O]; first, bool[T, N]; what was hidden at that time, [T, N, ...]; and whether the
      first episode was still going on, bool[T, N].
    """
    actor = agent.actor
    key_reset, key = jax.random.split(key)

    def step(loop: Any, key: jax.Array) -> Any:
        state, going = loop
        hidden = jax.vmap(actor.env.hidden)(state.env_state)
        state, transition = actor.act(agent.params, state, key)
        seen = (transition.obs, transition.first, hidden, going)
        return (state, going & ~(transition.terminated | transition.truncated)), seen

    length = actor.env_params.max_steps_in_episode
    start = (actor.reset(key_reset, episodes), jnp.ones(episodes, bool))
    return jax.jit(lambda: jax.lax.scan(step, start, jax.random.split(key, length))[1])()
