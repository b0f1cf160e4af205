"""Does an agent read the d-set, or only keep time? ``python -m benchmarks.traffic_memory --checkpoint RUN``.

Plays one agent (``--model iam``) greedily while something is done to its memory or to what its memory reads:

- *d-set blank*: the memory reads zeros; the feedforward path still sees everything;
- *another episode's d-set*: the memory reads that of another environment at the same time, so that its
  statistics over time are right and only what it says about these cars is wrong;
- *another episode's memory*, once, at half time. A mere clock shows the same time in both and loses nothing;
- *memory late by N s*, once, at half time: set back to what it was N steps before. A mere clock stays late;
- *memory cleared*, once, at half time.

The best blind clock is set back in the same way for comparison. All meet the same drivers.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import machine
from envs_jax.traffic.policies import POLICIES
from iam_jax.agent import load
from iam_jax.config import ConfigError
from iam_jax.models.actor_critic import IAM
from iam_jax.ppo.rollout import Actor

HALF_TIME = 125
LATE = (5, 10, 20)
Memories = list[Any]


def other(x: jax.Array) -> jax.Array:
    """What the next environment of the batch has."""
    return jnp.roll(x, 1, axis=0)


READS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "d-set blank": jnp.zeros_like,
    "another episode's d-set": other,
}
MEMORIES: dict[str, Callable[[Memories], Any]] = {
    "another episode's memory": lambda past: jax.tree.map(other, past[-1]),
    **{f"memory late by {n} s": lambda past, n=n: past[-1 - n] for n in LATE},
    "memory cleared": lambda past: jax.tree.map(jnp.zeros_like, past[-1]),
}


class Player:
    """Plays episodes of an agent, all at once, with one intervention or none.

    Args:
      actor: Environment and model.
      params: Of the model, an `IAM`.
      episodes: N, environments and their first episodes.
    """

    def __init__(self, actor: Actor, params: Any, episodes: int):
        self.env, self.env_params, self.episodes = actor.env, actor.env_params, episodes
        self.model = actor.model
        self._reset = jax.jit(lambda key: actor.reset(key, episodes))
        self._step = jax.jit(actor.step)
        self._act = jax.jit(lambda *x: self.model.apply(params, *x, method=_act))

    def play(
        self,
        key: jax.Array,
        *,
        read: Callable[[jax.Array], jax.Array] = lambda obs: obs,
        memory: Callable[[Memories], Any] | None = None,
        policy: Callable[[Any, int], jax.Array] | None = None,
    ) -> np.ndarray:
        """Costs of both halves, float[N, 2]; ``policy(state, time)`` plays instead of the agent if given."""
        state = self._reset(key)
        env_state, obs, first, carry = state.env_state, state.obs, state.first, state.carry
        past: Memories = []
        halves, over = np.zeros((self.episodes, 2)), np.zeros(self.episodes, bool)
        for time in range(self.env_params.max_steps_in_episode):
            past.append(carry)
            if memory is not None and time == HALF_TIME:
                carry = memory(past)
            if policy is None:
                carry, action = self._act(carry, obs, read(obs), first)
            else:
                action = policy(env_state, time)
            after, _ = self._step(jax.random.fold_in(key, time), env_state, action)
            obs, env_state, first = after.obs, after.state, after.first
            halves[:, int(time >= HALF_TIME)] += np.where(over, 0, after.reward)
            over |= np.asarray(first)
        return halves


def _act(model: IAM, carry: Any, obs: jax.Array, read: jax.Array, first: jax.Array) -> Any:
    """One greedy step in which the memory reads something else than the feedforward path."""
    carry, memory = model.memory(carry, read[None], first[None])
    logits, _ = model.heads(jnp.concatenate([model.fc(obs[None]), memory], axis=-1))
    return carry, logits[0].argmax(-1)


def clock(late: int) -> Callable[[Any, int], jax.Array]:
    """The best blind clock, late from half time on."""

    def policy(env_state: Any, time: int) -> jax.Array:
        inner = env_state.env_state
        shown = time - late * (time >= HALF_TIME)
        return jax.vmap(lambda s: POLICIES["best clock"](jax.random.key(0), s, None))(
            inner.replace(time=jnp.full_like(inner.time, shown))
        )

    return policy


def measure(player: Player, key: jax.Array) -> dict[str, np.ndarray]:
    """Every intervention -> costs of both halves, float[N, 2]."""
    return {
        "nothing": player.play(key),
        **{name: player.play(key, read=read) for name, read in READS.items()},
        **{name: player.play(key, memory=memory) for name, memory in MEMORIES.items()},
        "best clock": player.play(key, policy=clock(0)),
        **{f"best clock late by {n} s": player.play(key, policy=clock(n)) for n in LATE},
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.traffic_memory", description=__doc__)
    parser.add_argument("--checkpoint", required=True, help="folder of the run")
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.episodes < 2:
        parser.error("--episodes must be at least 2: an episode's memory is swapped with another's")
    try:
        agent = load(options.checkpoint)
        if agent.config.env != "traffic" or not isinstance(agent.actor.model, IAM):
            raise ConfigError(f"{options.checkpoint} is not an iam agent of the traffic task.")
    except ConfigError as error:
        parser.exit(2, f"error: {error}\n")
    results = measure(Player(agent.actor, agent.params, options.episodes), jax.random.key(1_000_000))
    print("| done to the agent | first half | second half | return |\n|---|---|---|---|")
    rows = {}
    for name, halves in results.items():
        columns = np.column_stack([halves, halves.sum(1)])
        mean, error = columns.mean(0), columns.std(0) / len(columns) ** 0.5
        rows[name] = {"mean": mean.round(3).tolist(), "se": error.round(3).tolist()}
        print(
            f"| {name} | " + " | ".join(f"{m:.2f} ± {e:.2f}" for m, e in zip(mean, error, strict=True)) + " |"
        )
    if options.output:
        result = machine() | {
            "episodes": options.episodes,
            "columns": ["first half", "second half", "return"],
        }
        options.output.write_text(json.dumps(result | {"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
