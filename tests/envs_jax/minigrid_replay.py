"""Steps minigrid's own environments and the rules here side by side and counts what differs.

``python tests/envs_jax/minigrid_replay.py`` does so for long and prints what happened. It needs minigrid.
"""

import argparse
import collections
import functools

import jax
import numpy as np

from envs_jax import make
from envs_jax.minigrid import State, dynamics, tiles, view

ORIGINALS = {
    "redbluedoors-6x6": "MiniGrid-RedBlueDoors-6x6-v0",
    "redbluedoors-8x8": "MiniGrid-RedBlueDoors-8x8-v0",
    "memory-s7": "MiniGrid-MemoryS7-v0",
    "doorkey-5x5": "MiniGrid-DoorKey-5x5-v0",
    "doorkey-8x8": "MiniGrid-DoorKey-8x8-v0",
}
"""Name here -> id there."""
TILE_OF = {tuple(map(int, code)): tile for tile, code in enumerate(tiles.CODES)}
COPIES = 100
"""Environments stepped together."""


def original(name):
    """One of minigrid's own environments, without gymnasium's wrappers."""
    import gymnasium
    import minigrid  # noqa: F401  registers its environments

    return gymnasium.make(ORIGINALS[name], disable_env_checker=True).unwrapped


def tile(thing):
    return tiles.EMPTY if thing is None else TILE_OF[thing.encode()]


def translate(env):
    """The state of one of minigrid's environments as ours, in NumPy."""
    grid = [tile(thing) for thing in env.grid.grid]
    return State(
        time=np.int32(env.step_count),
        grid=np.array(grid, np.uint8).reshape(env.height, env.width),
        position=np.array(env.agent_pos, np.int32),
        direction=np.int32(env.agent_dir),
        carrying=np.uint8(tile(env.carrying)),
    )


def replay(name, episodes, cut, seed=0):
    """Plays episodes in both and compares every step.

    An episode is played at random, or with a fondness for walking and for touching what is in front, or
    mostly by the planner. A third of them begin late, so that the time limit is reached.

    Args:
      name: Of the environment.
      episodes: Least number of episodes.
      cut: Most steps of each.
      seed: Of layouts and actions.

    Returns:
      Two counters: what differed (empty if nothing did), and what happened.
    """
    ours, params = make(name)
    rng = np.random.default_rng(seed)
    envs = [original(name) for _ in range(COPIES)]
    fondness = np.zeros(COPIES, int)
    differences, events = collections.Counter(), collections.Counter()

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, 0))
    def advance(state, action):
        after, reward, terminated = dynamics.step(state, action, params)
        return after, reward, terminated, ours.is_truncated(after, params), view.image(after)

    look = jax.jit(jax.vmap(view.image))
    plan = jax.jit(jax.vmap(functools.partial(ours.policies()["planner, state known"], None, params=params)))

    def start(i):
        obs, _ = envs[i].reset(seed=int(rng.integers(2**31)))
        fondness[i] = rng.integers(3)
        if rng.random() < 1 / 3:
            envs[i].step_count = params.max_steps_in_episode - int(rng.integers(1, cut + 1))
        events["episodes"] += 1
        return translate(envs[i]), obs["image"]

    def choose(i, planned):
        random = int(rng.integers(7))
        if fondness[i] == 1 and rng.random() < 0.7:
            ahead = tile(envs[i].grid.get(*map(int, envs[i].front_pos)))
            touch = ahead not in (tiles.EMPTY, tiles.WALL) and rng.random() < 0.6
            return int(rng.integers(3, 6)) if touch else dynamics.FORWARD
        return int(planned) if fondness[i] == 2 and rng.random() < 0.8 else random

    def check(what, i, left, right):
        differences[what] += not np.array_equal(left[i], right)

    starts = [start(i) for i in range(COPIES)]
    begun = np.ones(COPIES, bool)
    length = np.zeros(COPIES, int)
    images = np.stack([image for _, image in starts])
    state = jax.tree.map(lambda *parts: np.stack(parts), *[first for first, _ in starts])
    while events["episodes"] < episodes + COPIES:
        if begun.any():
            seen = np.asarray(look(state))
            for i in np.nonzero(begun)[0]:
                check("first image", i, seen, images[i])
        planned = np.asarray(plan(state))
        actions = np.array([choose(i, planned[i]) for i in range(COPIES)])
        result = jax.tree.map(np.array, advance(state, actions))
        state, reward, terminated, truncated, image = result
        for i, env in enumerate(envs):
            obs, their_reward, their_end, their_limit, _ = env.step(int(actions[i]))
            theirs = translate(env)
            for field in ("time", "grid", "position", "direction", "carrying"):
                check(field, i, getattr(state, field), getattr(theirs, field))
            check("image", i, image, obs["image"])
            differences["reward"] += abs(reward[i] - their_reward) > 1e-6
            check("terminated", i, terminated, their_end)
            check("truncated", i, truncated, their_limit)
            events["steps"] += 1
            events["successes"] += their_reward > 0
            events["failures"] += their_end and not their_reward
            events["time limits"] += their_limit
            events["steps with something carried"] += env.carrying is not None
            length[i] += 1
            begun[i] = their_end or their_limit or length[i] == cut
            if begun[i]:
                first, images[i] = start(i)
                jax.tree.map(lambda whole, part, i=i: whole.__setitem__(i, part), state, first)
                length[i] = 0
    events["episodes"] -= COPIES  # those begun last are cut short by the end
    return +differences, events


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--cut", type=int, default=200, help="most steps of an episode")
    options = parser.parse_args()
    for name in ORIGINALS:
        differences, events = replay(name, options.episodes, options.cut, seed=1)
        print(f"{name}: {dict(events)}; differences: {dict(differences) or 'none'}", flush=True)


if __name__ == "__main__":
    main()
