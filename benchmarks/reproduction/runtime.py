"""What an architecture costs: ``python -m benchmarks.reproduction.runtime``.

The paper says that influence-aware memory is cheaper than stacked frames and than an LSTM. Timed here, in
turns: *forward*, one step of the network for 8 environments; and *training*, the 3 epochs of 4 minibatches
on 8 x 128 steps, at the published sizes and at matched ones. The environment is not in it.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from benchmarks.reproduction.experiments import EXPERIMENTS
from benchmarks.timing import check_counts, in_turns, spread, write
from iam_jax.build import make_learner
from iam_jax.config import Config
from iam_jax.models.actor_critic import count_parameters
from iam_jax.preset_tables import TABLE
from iam_jax.train import parse

METHODS = (
    *("iam-manual", "iam-static", "iam-dynamic", "iam-identity"),
    *("rnn", "rnn-published", "fnn", "fnn-stack"),
)
SIZES = {"published": "warehouse-paper", "matched": "warehouse"}
FORWARDS = 200
PAPER = TABLE["warehouse"]["paper"]["iam"].ppo


def calls(config: Config) -> tuple[Any, Any, int]:
    """One forward pass ``FORWARDS`` times, one training pass, and the number of parameters."""
    learner = make_learner(config)
    state = jax.jit(learner.init)(jax.random.key(0))
    actor, rollout = jax.jit(learner.collect)(state.params, state.actor, jax.random.key(1))
    indices = learner.shuffle(jax.random.key(2))

    def forward(loop: Any, _: None) -> Any:
        carry, value = loop
        obs = actor.obs + 0 * value[:, None]  # so that one pass waits for the other
        carry, _, value = learner.actor.apply(state.params, carry, obs, actor.first & False)
        return (carry, value), None

    start = (actor.carry, rollout.last_value)
    many = jax.jit(lambda start: jax.lax.scan(forward, start, length=FORWARDS)[0])
    learn = jax.jit(learner.learn)
    learnt = (state.params, state.opt_state)
    return (
        lambda: jax.block_until_ready(many(start)),
        lambda: jax.block_until_ready(learn(learnt, rollout, indices, state.update)),
        count_parameters(state.params),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reproduction.runtime",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--only", nargs="+", choices=METHODS, default=METHODS, metavar="METHOD")
    parser.add_argument("--output", type=Path, help="file for the results as JSON")
    options = parser.parse_args()
    check_counts(parser, options.turns)
    rows = []
    for size, experiment in SIZES.items():
        what = EXPERIMENTS[experiment]
        made = {}
        for name in options.only:
            config = parse(f"{what.options} {what.methods[name].options}".split())
            made[name] = calls(replace(config, ppo=PAPER))
        seconds = in_turns({n: f for n, (f, _, _) in made.items()}, options.turns)
        training = in_turns({n: t for n, (_, t, _) in made.items()}, options.turns)
        for name in options.only:
            forward, train = spread(seconds[name]), spread(training[name])
            rows.append(
                [
                    size,
                    what.methods[name].label,
                    f"{made[name][2]:,}",
                    f"{forward['median'] / FORWARDS * 1e3:.3f}",
                    f"{train['median'] * 1e3:.1f} ({train['low'] * 1e3:.1f} to {train['high'] * 1e3:.1f})",
                ]
            )
            print(" | ".join(rows[-1]), flush=True)
    columns = ["sizes", "network", "parameters", "forward, ms", "training, ms"]
    write(options.output, columns=columns, rows=rows)


if __name__ == "__main__":
    main()
