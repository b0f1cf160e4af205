"""Mean returns of the reference policies: ``python -m envs_jax.reference warehouse [NAME=VALUE ...]``.

An environment names its policies in ``policies()``: functions ``(key, state, params) -> action``.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from envs_jax.arguments import parse_arguments
from envs_jax.environment import Environment, Policy
from envs_jax.registry import make

RECORDED = Path(__file__).with_name("reference_returns.json")
BATCH = 1000
"""Episodes played at once."""


def episode_return(env: Environment, params: Any, policy: Policy, key: jax.Array) -> jax.Array:
    """Undiscounted return of one episode, float32[].

    Each environment plays one episode, which may end before the time limit: playing on and counting what
    follows would favour the short ones.

    Args:
      env: An environment with a time limit.
      params: Its params.
      policy: ``(key, state, params) -> action``.
      key: Source of all randomness.
    """
    key_reset, key = jax.random.split(key)
    _, state = env.reset(key_reset, params)

    def step(loop: Any) -> Any:
        state, time, _, total = loop
        key_policy, key_env = jax.random.split(jax.random.fold_in(key, time))
        action = policy(key_policy, state, params)
        _, state, reward, terminated, truncated, _ = env.step(key_env, state, action, params)
        return state, time + 1, terminated | truncated, total + reward

    start = (state, jnp.int32(0), jnp.array(False), jnp.float32(0))
    return jax.lax.while_loop(lambda loop: ~loop[2], step, start)[3]


def policy_returns(env: Environment, params: Any, policy: Policy, key: jax.Array, episodes: int) -> jax.Array:
    """Undiscounted returns of the first episode of each of ``episodes`` environments, float32[episodes].

    Args:
      env: An environment with a time limit.
      params: Its params.
      policy: ``(key, state, params) -> action``.
      key: Source of all randomness.
      episodes: How many; whole thousands are played.
    """
    play = jax.jit(jax.vmap(partial(episode_return, env, params, policy)))
    keys = jax.random.split(key, (episodes // BATCH, BATCH))
    return jnp.concatenate([play(part) for part in keys])


def recorded(name: str, arguments: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Recorded mean return and standard error of each reference policy; empty if none are.

    The record is made by this module's command line with ``--record``.
    """
    if not RECORDED.is_file():
        return {}
    for label, policies in json.loads(RECORDED.read_text())["returns"].items():
        recorded_name, *texts = label.split(" ")
        if recorded_name == name and _same_params(name, parse_arguments(texts), arguments):
            return {policy: (record["mean"], record["se"]) for policy, record in policies.items()}
    return {}


def _same_params(name: str, some: dict[str, Any], others: dict[str, Any]) -> bool:
    """Whether two sets of arguments make the same environment, as one does that names a default."""
    return make(name, **some)[1] == make(name, **others)[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m envs_jax.reference", description=__doc__)
    parser.add_argument("env", help="such as warehouse, pong or minatar-breakout")
    parser.add_argument("arguments", nargs="*", metavar="NAME=VALUE")
    parser.add_argument("--episodes", type=int, default=20_000, help="in whole thousands")
    parser.add_argument("--planner-episodes", type=int, default=2000, help="in whole thousands")
    parser.add_argument("--record", action="store_true", help=f"write to {RECORDED.name}")
    options = parser.parse_args()
    try:
        env, params = make(options.env, **parse_arguments(options.arguments))
    except ValueError as error:
        parser.error(str(error))
    if env.external or not env.policies():
        parser.error(f"{options.env} has no reference policies")
    if min(options.episodes, options.planner_episodes) < BATCH:
        parser.error(f"episodes are played {BATCH} at a time, so ask for at least {BATCH}")
    table = {}
    for name, policy in env.policies().items():
        episodes = options.planner_episodes if "planner" in name else options.episodes
        returns = policy_returns(env, params, policy, jax.random.key(0), episodes)
        mean, standard_error = float(returns.mean()), float(returns.std() / len(returns) ** 0.5)
        table[name] = {"mean": round(mean, 4), "se": round(standard_error, 4), "episodes": len(returns)}
        print(f"{name:28} {mean:7.3f} ± {standard_error:.3f}  ({len(returns)} episodes)", flush=True)
    if options.record:
        stored = json.loads(RECORDED.read_text()) if RECORDED.is_file() else {"returns": {}}
        stored["returns"][" ".join([options.env, *options.arguments])] = table
        stored["command"] = "python -m envs_jax.reference ENV [NAME=VALUE ...] --record"
        RECORDED.write_text(json.dumps(stored, indent=2) + "\n")


if __name__ == "__main__":
    main()
