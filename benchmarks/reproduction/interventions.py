"""What a return owes to the memory: ``python -m benchmarks.reproduction.interventions RUN ...``.

Plays trained agents with sampled actions while their memory is interfered with, from the first step of an
episode or from half time on, and counts what they still earn. An agent whose memory is worth nothing loses
nothing. *Cleared*: zero before every step. *Frozen*: what it was at half time, before every step from then
on. *Another episode's*: that of another environment at the same time, before every step (the memory runs on
from what it is given); or once, at half time.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.reproduction.agents import Agent, load_agents, parse_runs
from benchmarks.timing import write
from iam_jax.cli import exit_on_error, use_compilation_cache

Change = Callable[[Any, Any, jax.Array, jax.Array], Any]
"""(memory, memory at half time, whether it is half time, whether it is past) -> memory that goes on."""


def _where(condition: jax.Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _cleared(memory: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, memory)


def _swapped(memory: Any) -> Any:
    return jax.tree.map(lambda x: jnp.roll(x, 1, axis=0), memory)


CHANGES: dict[str, Change] = {
    "nothing": lambda memory, then, now, past: memory,
    "cleared before every step": lambda memory, then, now, past: _cleared(memory),
    "cleared once": lambda memory, then, now, past: _where(now, _cleared(memory), memory),
    "frozen from half time on": lambda memory, then, now, past: _where(past, then, memory),
    "another episode's, before every step": lambda memory, then, now, past: _swapped(memory),
    "another episode's, once": lambda memory, then, now, past: _where(now, _swapped(memory), memory),
}


def returns(agent: Agent, key: jax.Array, episodes: int, change: Change) -> jax.Array:
    """Undiscounted returns of the first episode of each environment, float[N]."""
    actor = agent.actor
    length = actor.env_params.max_steps_in_episode
    key_reset, key = jax.random.split(key)
    state = actor.reset(key_reset, episodes)

    def step(loop: Any, inputs: Any) -> Any:
        state, then, going, total = loop
        time, key = inputs
        half_time = time == length // 2
        then = _where(half_time, state.carry, then)
        carry = change(state.carry, then, half_time, time >= length // 2)
        state, transition = actor.act(agent.params, state.replace(carry=carry), key)
        total += jnp.where(going, transition.reward, 0)
        going &= ~(transition.terminated | transition.truncated)
        return (state, then, going, total), None

    start = (state, state.carry, jnp.ones(episodes, bool), jnp.zeros(episodes))
    inputs = (jnp.arange(length), jax.random.split(key, length))
    return jax.lax.scan(step, start, inputs)[0][3]


def main() -> None:
    options = parse_runs("interventions", __doc__, episodes=1000)
    exit_on_error(partial(_interfere, options))


def _interfere(options: argparse.Namespace) -> None:
    use_compilation_cache()
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run_dir in options.runs:
        for agent in load_agents(run_dir):
            who = f"{agent.config.env}, {agent.config.model_label}"
            for name, change in CHANGES.items():
                play = jax.jit(partial(returns, agent, episodes=options.episodes, change=change))
                found[who][name].append(float(play(jax.random.key(1_000_000)).mean()))
    rows = []
    for name in CHANGES:
        means = (found[who][name] for who in found)
        rows.append([name, *(f"{np.mean(m):.2f} ({min(m):.2f} to {max(m):.2f})" for m in means)])
        print(" | ".join(rows[-1]))
    heads = [f"{who} ({len(by_change['nothing'])} seeds)" for who, by_change in found.items()]
    write(options.output, columns=["done to the memory", *heads], rows=rows, episodes=options.episodes)


if __name__ == "__main__":
    main()
