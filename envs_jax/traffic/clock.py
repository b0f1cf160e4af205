"""The best clock that looks at nothing: ``python -m envs_jax.traffic.clock [NAME=VALUE ...]``.

First all pairs of green times on a coarse grid, then all neighbours of the best pair with every phase. The
best of these are played again with fresh drivers, so that having been chosen does not flatter them.
"""

import argparse
import itertools
from functools import partial
from typing import Any

import jax
import numpy as np

from envs_jax.arguments import parse_arguments
from envs_jax.reference import episode_return
from envs_jax.registry import make
from envs_jax.traffic.policies import clock

AT_ONCE = 64
"""Clocks played side by side."""


def clock_returns(env: Any, params: Any, times: np.ndarray, key: jax.Array, episodes: int) -> np.ndarray:
    """Returns of many clocks, all of which meet the same drivers, float32[C, episodes].

    Args:
      env: The traffic environment.
      params: Its params.
      times: Arguments of `policies.clock`: seconds for north, for west, and the phase, int[C, 3].
      key: Source of all randomness.
      episodes: Episodes of each clock.
    """

    def play(times: jax.Array) -> jax.Array:
        policy = clock(times[0], times[1], times[2])
        return jax.vmap(partial(episode_return, env, params, policy))(jax.random.split(key, episodes))

    return np.asarray(jax.jit(partial(jax.lax.map, play, batch_size=AT_ONCE))(times))


def search(env: Any, params: Any, key: jax.Array, *, episodes: int, finalists: int) -> np.ndarray:
    """Arguments of the best clocks found, the best first, int[finalists, 3]."""
    key_coarse, key_fine = jax.random.split(key)
    grid = range(9, 61, 3)
    coarse = np.array([(north, west, 0) for north, west in itertools.product(grid, grid)])
    scores = clock_returns(env, params, coarse, key_coarse, episodes).mean(1)
    north, west, _ = coarse[scores.argmax()]
    around = itertools.product(range(north - 2, north + 3), range(west - 2, west + 3))
    fine = np.array([(n, w, phase) for n, w in around for phase in range(0, n + w, 2)])
    scores = clock_returns(env, params, fine, key_fine, episodes).mean(1)
    return fine[np.argsort(-scores)[:finalists]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m envs_jax.traffic.clock", description=__doc__)
    parser.add_argument("arguments", nargs="*", metavar="NAME=VALUE", help="of the environment")
    parser.add_argument("--episodes", type=int, default=100, help="of each clock while searching")
    parser.add_argument("--final-episodes", type=int, default=2000, help="of the best clocks")
    options = parser.parse_args()
    try:
        env, params = make("traffic", **parse_arguments(options.arguments))
    except ValueError as error:
        parser.error(str(error))
    key_search, key_final = jax.random.split(jax.random.key(0))
    best = search(env, params, key_search, episodes=options.episodes, finalists=5)
    returns = clock_returns(env, params, best, key_final, options.final_episodes)
    for (north, west, phase), scores in zip(best, returns, strict=True):
        standard_error = scores.std() / len(scores) ** 0.5
        print(
            f"north {north} s, west {west} s, phase {phase:2} s: {scores.mean():7.2f} ± {standard_error:.2f}"
        )


if __name__ == "__main__":
    main()
