"""Adapters for `popgym_replay`: cart-pole and pendulum.

An upright pole falls the faster the more it has fallen, so that a difference in the last digit grows like
exp(3.8 t / s). So every step starts from the original's state. Without that,
``python tests/envs_jax/popgym_control.py`` tells how far apart whole episodes get.
"""

import copy
import dataclasses

import jax.numpy as jnp
import numpy as np
from popgym_adapter import Adapter

from envs_jax.popgym.control import State


def noise_of(theirs, generator):
    """The next noise of an original, float32[2]; zeros of one that has none."""
    if not hasattr(theirs, "noise_sigma"):
        return np.zeros(2, np.float32)
    return generator.normal(0, theirs.noise_sigma).astype(np.float32)


def translate(theirs, env):
    """The noise is that of the first observation, which popgym draws after the start and does not keep."""
    generator = np.random.default_rng(theirs.np_random_seed)
    generator.uniform(size=len(theirs.state))
    physics = np.array(theirs.state, jnp.result_type(float))
    if len(physics) == 2:
        physics[0] -= 2 * np.pi * np.round(physics[0] / (2 * np.pi))
    return State(time=np.int32(theirs.num_steps), physics=physics, noise=noise_of(theirs, generator))


def draws(theirs):
    noise = noise_of(theirs, copy.deepcopy(theirs.np_random))
    return np.concatenate([np.zeros(len(theirs.state)), noise]).astype(jnp.result_type(float))


def features(state, seen):
    """Twelfths of the range of the start; tenths of the first noise and the second observation."""
    limits = [0.05] * 4 if len(state.physics) == 4 else [np.pi, 1.0]
    shares = np.asarray(state.physics, np.float64) / limits
    parts = {f"start {i}": int(np.clip((share + 1) * 6, 0, 11)) for i, share in enumerate(shares)}
    for i, noise in enumerate(state.noise):
        parts[f"noise {i}"] = int(np.clip(np.round(noise * 10), -6, 6))
    for i, number in enumerate(seen[0][1]):
        parts[f"second observation {i}"] = int(np.clip(np.round(number * 10), -6, 6))
    return parts


ADAPTER = Adapter(translate, ("state",), "state known", draws, features, tolerance=1e-5, takes_over=True)
ADAPTERS = dict.fromkeys(
    (
        "position-only-cart-pole",
        "velocity-only-cart-pole",
        "noisy-position-only-cart-pole",
        "position-only-pendulum",
        "noisy-position-only-pendulum",
    ),
    ADAPTER,
)


def main():
    import popgym_replay

    for name in popgym_replay.NAMES:
        family = popgym_replay.family(name)
        if family in ADAPTERS:
            step_by_step = popgym_replay.replay(name, 200)
            popgym_replay.ADAPTERS[family] = dataclasses.replace(ADAPTER, takes_over=False)
            whole = popgym_replay.replay(name, 200)
            print(f"{name}: largest difference {step_by_step.largest:.0e} from the original's state in")
            print(f"  every step, and {whole.largest:.0e} in whole episodes: {dict(whole.differences)}")
            popgym_replay.ADAPTERS[family] = ADAPTER


if __name__ == "__main__":
    main()
