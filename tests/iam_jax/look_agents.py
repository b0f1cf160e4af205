"""Agents that nobody trained, of every kind that the episode microscope shows."""

from functools import cache

import jax

from iam_jax.agent import Agent
from iam_jax.build import make_actor
from iam_jax.checkpoint import Progress
from iam_jax.train import parse

SMALL = "--fc 8 --hidden 8 --joint --init glorot"  # orthogonal takes seconds to compile
TMAZE = "--env tmaze --env-args length=6"
KINDS = {
    "manual": f"--env mini-warehouse --model iam {SMALL}",
    "static": f"{TMAZE} --model iam --d-set static {SMALL}",
    "dynamic": f"{TMAZE} --model iam --d-set dynamic --heads 2 {SMALL}",
    "no-memory": "--env mini-warehouse --model fnn --fc 8 --init glorot",
    "lstm-layers": f"{TMAZE} --model rnn --cell lstm --layers 2 {SMALL}",
    "lru": f"{TMAZE} --model rnn --cell lru {SMALL}",
    "gtrxl": f"{TMAZE} --model rnn --cell gtrxl --window 4 {SMALL}",
    "several-discrete": f"--env popgym-battleship-easy --model rnn {SMALL}",
    "continuous": f"--env Pendulum-v1 --model rnn {SMALL}",
    "cards": f"--env popgym-repeat-first-easy --model iam --d-set identity {SMALL}",
    "picture": f"--env minatar-breakout --flicker 0.5 --model iam --d-set dynamic {SMALL}",
    "outside": f"--env gymnasium:CartPole-v1 --model rnn {SMALL}",
}


@cache
def fresh(options, seed=0):
    """An agent with parameters that nobody trained."""
    config = parse(options.split())
    actor = make_actor(config)

    @jax.jit
    def init(key):
        state = actor.reset(key, 1)
        obs = jax.tree.map(lambda x: x[None], state.obs)
        return actor.model.init(key, state.carry, obs, state.first[None])

    return Agent(config, 0, actor, init(jax.random.key(seed)), Progress(7))
