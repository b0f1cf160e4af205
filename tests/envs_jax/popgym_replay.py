"""Plays popgym's own environments and those here side by side and counts what differs.

``python tests/envs_jax/popgym_replay.py`` does so for 200 episodes of each and prints a table;
``--record`` instead plays the originals with random actions and writes what they earn to `RECORDED`. Both
need popgym. Adapters of the families are in `popgym_cards`, `popgym_boards` and `popgym_control`.
"""

import argparse
import collections
import dataclasses
import json
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import popgym_boards
import popgym_cards
import popgym_control

from envs_jax import make, spaces
from envs_jax.popgym import NAMES, PREFIX, class_name

ADAPTERS = {**popgym_cards.ADAPTERS, **popgym_boards.ADAPTERS, **popgym_control.ADAPTERS}
"""Family -> `popgym_adapter.Adapter`."""
RECORDED = Path(__file__).parent / "data" / "popgym_random.json"
"""Returns, lengths and features of the originals under random actions."""
CHUNK = 50
"""Most episodes replayed together."""
CARELESS = (1.0, 0.0, 0.3)
"""Share of random actions among those of the good policy, in every third episode."""


def family(name):
    return name.removeprefix(PREFIX).rpartition("-")[0]


def original(name):
    """One of popgym's own environments."""
    import popgym.envs

    with warnings.catch_warnings():  # that mazes need no memory
        warnings.simplefilter("ignore")
        return getattr(popgym.envs, class_name(name))()


@dataclasses.dataclass
class Comparison:
    """``differences``: what differed, and in how many steps; ``events``: what happened; ``largest``: greatest
    difference between two numbers that are no integers.
    """

    differences: collections.Counter
    events: collections.Counter
    largest: float = 0.0

    def compare(self, what, theirs, ours, tolerance):
        """Compares the values of many environments; integers and flags must be equal.

        Args:
          what: The name of it.
          theirs: A list of values, trees of arrays.
          ours: The same as one tree of arrays with a leading axis.
          tolerance: Of other numbers.
        """
        theirs = [np.stack(leaves) for leaves in zip(*map(jax.tree.leaves, theirs), strict=True)]
        for left, right in zip(theirs, jax.tree.leaves(ours), strict=True):
            assert left.shape == right.shape, f"{what} is {left.shape} there and {right.shape} here"
            whole = left.dtype.kind in "biu"
            gap = np.abs(left.astype(np.float64) - right.astype(np.float64)).reshape(len(left), -1).max(1)
            self.differences[what] += int((~(gap <= (0 if whole else tolerance))).sum())
            if not whole:
                self.largest = max(self.largest, float(gap.max()))


def replay(name, episodes, ours=None, seed=0, tolerance=None):
    """Plays episodes in both and compares every step: a third at random, a third well, a third mixed.

    Args:
      name: Of the environment.
      episodes: How many; of more than `CHUNK`, whole chunks are played.
      ours: In place of ``make(name)``, such as a wrong one.
      seed: Of what is drawn and of the actions.
      tolerance: In place of the adapter's.

    Returns:
      A `Comparison`.
    """
    adapter = ADAPTERS[family(name)]
    tolerance = adapter.tolerance if tolerance is None else tolerance
    env, params = make(name) if ours is None else ours
    size = min(CHUNK, episodes)
    look = jax.jit(jax.vmap(lambda state: (env.observe(state, params), env.hidden(state))))
    choose = _chooser(env, params, env.policies()[adapter.good], size)
    advance = _stepper(env, params)
    originals = [original(name) for _ in range(size)]
    found = Comparison(collections.Counter(), collections.Counter())
    for chunk in range(-(-episodes // size)):
        first_seed = seed * 1_000_003 + chunk * size
        key = jax.random.key(first_seed)
        seen = [one.reset(seed=first_seed + i)[0] for i, one in enumerate(originals)]
        state = _stack([adapter.translate(one, env) for one in originals])
        playing, returns, drawn = np.arange(size), np.zeros(size), [None] * size
        _compare_seen(found, adapter, originals, seen, look(state), playing, tolerance)
        while len(playing):
            if adapter.takes_over:
                state = _stack([adapter.translate(one, env) for one in originals])
            key, key_choice = jax.random.split(key)
            actions = np.asarray(choose(key_choice, state))
            if adapter.draws:
                for i in playing:
                    drawn[i] = adapter.draws(originals[i])
            results = [originals[i].step(_as_theirs(actions[i])) for i in playing]
            state, reward, terminated, truncated = advance(
                state, actions, _stack(drawn) if adapter.draws else None
            )
            _compare_seen(found, adapter, originals, [r[0] for r in results], look(state), playing, tolerance)
            for i, (what, values) in enumerate(
                {"reward": reward, "terminated": terminated, "truncated": truncated}.items(), start=1
            ):
                theirs = [np.float64(r[i]) if what == "reward" else np.bool_(r[i]) for r in results]
                found.compare(what, theirs, np.asarray(values)[playing], tolerance)
            ended = np.array([[r[2], r[3]] for r in results], bool)
            returns[playing] += [float(r[1]) for r in results]
            found.events += collections.Counter(
                steps=len(playing), terminated=int(ended[:, 0].sum()), truncated=int(ended[:, 1].sum())
            )
            playing = playing[~ended.any(1)]
        found.events += collections.Counter(episodes=size, successes=int((returns > 0).sum()))
    found.differences = +found.differences
    return found


def _chooser(env, params, policy, size):
    """``(key, states) -> actions``: of the policy, a share of them replaced by random ones."""

    @jax.vmap
    def choose(key, state, careless):
        key_policy, key_random, key_chance = jax.random.split(key, 3)
        random = env.action_space(params).sample(key_random)
        chosen = policy(key_policy, state, params)
        return jnp.where(jax.random.uniform(key_chance) < careless, random, chosen)

    shares = jnp.resize(jnp.array(CARELESS), size)
    return jax.jit(lambda key, states: choose(jax.random.split(key, size), states, shares))


def _stepper(env, params):
    """``(states, actions, draws) -> states, rewards, terminated, truncated``."""

    @jax.jit
    @jax.vmap
    def advance(state, action, draws):
        draws = env.draw(jax.random.key(0), params) if draws is None else draws
        state, reward = env.advance(draws, state, action, params)
        return state, reward, env.is_terminated(state, params), env.is_truncated(state, params)

    return advance


def _compare_seen(found, adapter, originals, seen, ours, playing, tolerance):
    obs, hidden = jax.tree.map(lambda x: np.asarray(x)[playing], ours)
    assert set(hidden) == set(adapter.hidden)
    found.compare("observation", [jax.tree.map(np.array, one) for one in seen], obs, tolerance)
    theirs = [originals[i].get_state() for i in playing]
    theirs = [state if isinstance(state, tuple) else (state,) for state in theirs]
    for i, part in enumerate(adapter.hidden):
        found.compare(part, [np.array(state[i]) for state in theirs], hidden[part], tolerance)


def _as_theirs(action):
    return int(action) if np.shape(action) == () else np.asarray(action)


def _stack(trees):
    return jax.tree.map(lambda *parts: np.stack(parts), *trees)


def random_episodes_there(name, episodes, seed=0):
    """Return, length and features of episodes of an original under random actions, one after another."""
    adapter, env, (ours, params) = ADAPTERS[family(name)], original(name), make(name)
    rng = np.random.default_rng(seed)
    sample = _sampler(ours.action_space(params), rng)
    for episode in range(episodes):
        obs, _ = env.reset(seed=seed * 1_000_003 + episode)
        start = adapter.translate(env, ours)
        seen, total, ended = [obs], 0.0, False
        while not ended:
            obs, reward, terminated, truncated, _ = env.step(sample())
            seen.append(obs)
            total, ended = total + float(reward), terminated or truncated
        arrays = [np.array(leaf) for leaf in zip(*map(jax.tree.leaves, seen), strict=True)]
        yield total, len(seen) - 1, adapter.features(start, arrays) if adapter.features else {}


def _sampler(space, rng):
    """``() -> action`` of the original, uniformly."""
    if isinstance(space, spaces.Discrete):
        return lambda: int(rng.integers(space.n))
    if isinstance(space, spaces.MultiDiscrete):
        return lambda: rng.integers(space.sizes)
    return lambda: rng.uniform(space.low, space.high, space.shape).astype(np.float32)


def random_episodes_here(name, episodes, seed=0, ours=None):
    """The same of ours; whole chunks of 500 are played."""
    adapter, (env, params) = ADAPTERS[family(name)], make(name) if ours is None else ours

    @jax.jit
    @jax.vmap
    def play(key):
        key_begin, key = jax.random.split(key)
        start = env.begin(env.draw(key_begin, params), params)

        def step(carry, key):
            state, total, length, ended = carry
            key_action, key_step = jax.random.split(key)
            action = env.action_space(params).sample(key_action)
            state, reward = env.advance(env.draw(key_step, params), state, action, params)
            total, length = total + jnp.where(ended, 0.0, reward), length + ~ended
            ended |= env.is_terminated(state, params) | env.is_truncated(state, params)
            seen = env.observe(state, params) if adapter.features else ()
            return (state, total, length, ended), seen

        carry = (start, jnp.float32(0), jnp.int32(0), jnp.array(False))
        (_, total, length, _), seen = jax.lax.scan(step, carry, jax.random.split(key, env.longest))
        return start, env.observe(start, params), seen, total, length

    for chunk in range(-(-episodes // 500)):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), chunk), 500)
        start, first, seen, total, length = jax.tree.map(np.asarray, play(keys))
        for i in range(500):
            features = {}
            if adapter.features:
                leaves = [
                    np.concatenate([a[i][None], b[i][: length[i]]])
                    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(seen), strict=True)
                ]
                features = adapter.features(jax.tree.map(lambda x, i=i: x[i], start), leaves)
            yield float(total[i]), int(length[i]), features


def summary(episodes):
    """Mean, standard error of returns and lengths, and how often each value of each feature came."""
    returns, lengths, features = zip(*episodes, strict=True)
    counts = collections.defaultdict(collections.Counter)
    for values in features:
        for feature, value in values.items():
            counts[feature][str(int(value))] += 1

    def moments(values):
        return {"mean": float(np.mean(values)), "se": float(np.std(values) / len(values) ** 0.5)}

    return {
        "episodes": len(returns),
        "return": moments(returns),
        "length": moments(lengths),
        "features": {feature: dict(sorted(count.items())) for feature, count in counts.items()},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[name for name in NAMES if family(name) in ADAPTERS])
    parser.add_argument("--episodes", type=int, help="200, and 2000 to record")
    parser.add_argument("--record", action="store_true", help=f"write to {RECORDED.name}")
    options = parser.parse_args()
    for name in options.names:
        if options.record:
            found = summary(random_episodes_there(name, options.episodes or 2000))
            stored = json.loads(RECORDED.read_text()) if RECORDED.is_file() else {"names": {}}
            stored["names"][name] = found
            stored["command"] = "python tests/envs_jax/popgym_replay.py --record"
            RECORDED.parent.mkdir(exist_ok=True)
            RECORDED.write_text(json.dumps(stored, indent=1) + "\n")
            print(f"{name}: recorded", flush=True)
            continue
        began = time.perf_counter()
        found = replay(name, options.episodes or 200)
        events, differences = found.events, dict(found.differences) or "none"
        print(
            f"| `{name}` | {events['episodes']} | {events['steps']:,} | {events['terminated']} | "
            f"{events['truncated']} | {events['successes']} | {found.largest:.0e} | {differences} |",
            f"({time.perf_counter() - began:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
