"""What `test_devices` measures on four devices, in a process of its own: ``... FOLDER``."""

import json
import os
import pickle
import re
import sys
from dataclasses import replace
from pathlib import Path

# Four of them, and programs that are quick to compile rather than to run.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"

import jax
import numpy as np

from iam_jax.build import make_learner
from iam_jax.checkpoint import Checkpoints, Progress
from iam_jax.config import Config, IAMConfig, PPOConfig
from iam_jax.learners import Learners
from iam_jax.swept_env import swept_params

UPDATES = 6
CONFIG = Config(
    total_steps=16 * 8 * UPDATES,
    model=IAMConfig(fc=(32,), hidden=16, joint=(24,), init="glorot"),
    ppo=PPOConfig(
        num_envs=16,
        num_steps=8,
        bptt_length=4,
        num_epochs=2,
        num_minibatches=4,
        shuffle_groups=4,
        burn_in=98,
    ),
)
COLLECTIVE = re.compile(
    r"= (.*?) (all-reduce|all-gather|all-to-all|reduce-scatter|ragged-all-to-all|collective-\w+)(?:-start)?\("
)


class Trial:
    """A run's learners on so many devices, and its program."""

    def __init__(self, config, num_devices):
        self.learners = Learners(make_learner(config), config, num_devices, swept_params(config))
        self.program = self.learners.compile(self.learners.shapes())

    def go_on(self, state, updates):
        for _ in range(updates):
            state, _ = self.program(state, 1)
        return state


def exchanged(program):
    """Kind and shapes of everything that devices send each other."""
    found = COLLECTIVE.findall(program.compiled.as_text())
    shapes = lambda text: [[int(n) for n in s.split(",") if n] for s in re.findall(r"\[([\d,]*)\]", text)]  # noqa: E731
    return [(kind, shape) for text, kind in found for shape in shapes(text)]


def on_host(state):
    data = lambda x: jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x  # noqa: E731
    by_name = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        by_name[jax.tree_util.keystr(path, simple=True, separator="/")] = np.asarray(data(leaf))
    return by_name


def moved(folder, before, after):
    """The end of a run that changed its number of devices halfway, by way of a checkpoint."""
    state = before.go_on(before.learners.init(), UPDATES // 2)
    Checkpoints(folder).save(state, Progress(update=UPDATES // 2))
    state, _ = Checkpoints(folder).restore(after.learners.shapes())
    return after.go_on(state, UPDATES - UPDATES // 2)


def main(folder):
    one, four, seeds = Trial(CONFIG, 1), Trial(CONFIG, 4), Trial(replace(CONFIG, num_seeds=2), 2)
    mixed = Trial(replace(CONFIG, ppo=replace(CONFIG.ppo, shuffle_groups=1)), 4)
    normalised = CONFIG.replace(normalise_observations=True, normalise_rewards=True)
    scaled = {number: Trial(normalised, number) for number in (1, 4)}
    swept = CONFIG.replace(sweep={"learning_rate": [1e-3, 2e-3], "env.lifetime": [4, 8]}, num_evaluations=0)
    sweeps = {
        "on 1": Trial(swept, 1),
        "on 4": Trial(swept, 4),
        "one by one on 2": Trial(swept.replace(at_once=2), 2),
    }
    states = {
        **{f"normalised on {number}": t.go_on(t.learners.init(), UPDATES) for number, t in scaled.items()},
        **{f"sweep {name}": t.go_on(t.learners.init(), UPDATES) for name, t in sweeps.items()},
        "fresh on 1": one.learners.init(),
        "fresh on 4": four.learners.init(),
        "1": one.go_on(one.learners.init(), UPDATES),
        "4": four.go_on(four.learners.init(), UPDATES),
        "4 to 1": moved(folder / "4 to 1", four, one),
        "1 to 4": moved(folder / "1 to 4", one, four),
        "two seeds": seeds.go_on(seeds.learners.init(), UPDATES),
    }
    (folder / "states.pickle").write_bytes(pickle.dumps({name: on_host(x) for name, x in states.items()}))
    programs = {"groups": four.program, "no groups": mixed.program, "seeds": seeds.program}
    (folder / "exchanged.json").write_text(json.dumps({name: exchanged(p) for name, p in programs.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
