"""Trained agents that come with the package: ``python -m iam_jax.pretrained`` lists them.

``python -m iam_jax.pretrained add RUN --name NAME`` makes one from a run; it is for maintainers.
"""

import argparse
from functools import partial

from iam_jax.cli import exit_on_error, use_compilation_cache
from iam_jax.limits import check_range
from iam_jax.pretrained import FOLDER, PREFIX, Entry, entries


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m iam_jax.pretrained",
        description=f"Lists the trained agents that come with the package; iam_jax.load('{PREFIX}NAME') and "
        f"python -m iam_jax.evaluate --checkpoint {PREFIX}NAME open one.",
    )
    commands = parser.add_subparsers()
    adding = commands.add_parser("add", help="make one from a run (for maintainers of the package)")
    adding.add_argument("run", help="folder of the run")
    adding.add_argument("--name", required=True, help="what the agent is called, such as warehouse-iam")
    adding.add_argument("--which", choices=("best", "last"), default="last", help="checkpoint (last)")
    adding.add_argument("--seed", type=int, help="of a run with several; by default its first")
    adding.add_argument("--episodes", type=int, default=1000, help="played for its card (1000)")
    options = parser.parse_args(arguments)
    exit_on_error(partial(_add, options) if "run" in options else _list)


def _list() -> None:
    print(table())


def table() -> str:
    """All agents as a table in Markdown."""
    head = ("name", "environment", "model", "return", "seed", "steps", "size", "command")
    rows = [head, *map(_row, entries())]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def _row(agent: Entry) -> tuple[str, ...]:
    card, config = agent.card, agent.config
    return (
        agent.name,
        " ".join([config.env, *config.env_args]),
        config.model_label,
        f"{card.mean_return:.2f} ± {card.se:.2f}",
        str(config.seed),
        f"{card.updates * config.steps_per_update:,}",
        f"{agent.size / 1000:.0f} kB",
        f"`{card.command}`",
    )


def _add(options: argparse.Namespace) -> None:
    check_range("final_episodes", options.episodes, "episodes")
    use_compilation_cache()
    from iam_jax.pretrained.add import add

    which, seed, episodes = options.which, options.seed, options.episodes
    card = add(options.run, options.name, which=which, seed=seed, episodes=episodes)
    print(
        f"Wrote {FOLDER / options.name}: mean return {card.mean_return:.2f} ± {card.se:.2f} "
        f"in {card.episodes} episodes. Now put the new table into docs/pretrained.md."
    )


if __name__ == "__main__":
    main()
