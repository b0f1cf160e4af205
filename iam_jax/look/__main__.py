"""A page of episodes to look into: ``python -m iam_jax.look --checkpoint RUN``."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from iam_jax.cli import check_writable, exit_on_error, use_compilation_cache

if TYPE_CHECKING:
    from iam_jax.agent import Agent

DESCRIPTION = """Writes one HTML file in which a few episodes of a trained agent can be looked into.

It shows step by step what the environment looks like, what the agent sees and what its memory reads, its
policy and value, every unit of the memory, and what can be read from the memory. The file needs no server and
no network.
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m iam_jax.look",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--checkpoint",
        nargs="+",
        required=True,
        metavar="RUN",
        help="folder of a run or pretrained:NAME; two of one environment are shown beside each other",
    )
    parser.add_argument(
        "--which",
        choices=("best", "last"),
        default="best",
        help="checkpoint: the best evaluation, or the last",
    )
    parser.add_argument("--episodes", type=int, default=3, metavar="N", help="so many are shown (3)")
    parser.add_argument(
        "--seed", type=int, default=1_000_000, help="of environments and actions (1000000, as in evaluate)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.html",
        help="by default look.html in the first run's folder, or NAME.html here",
    )
    exit_on_error(partial(_look, parser.parse_args(arguments)))


def _look(options: argparse.Namespace) -> None:
    from iam_jax import pretrained, stored
    from iam_jax.errors import ConfigError
    from iam_jax.limits import check_range

    if len(options.checkpoint) > 2:
        raise ConfigError(f"--checkpoint takes one run, or two to compare, not {len(options.checkpoint)}.")
    check_range("look_episodes", options.episodes, "episodes")
    check_range("seed", options.seed)
    folders = [pretrained.folder_of(place) for place in options.checkpoint]
    file = options.output or pretrained.file_for(options.checkpoint[0], "look.html")
    configs = [stored.load(folder) for folder in folders]
    check_writable(file, "page", "--output")
    use_compilation_cache()
    from rich.console import Console

    from iam_jax.agent import load
    from iam_jax.look.page import check_pair, page
    from iam_jax.look.record import LONGEST, record

    say = partial(Console().print, soft_wrap=True, highlight=False)
    check_pair(*configs)
    agents: list[Agent] = [load(place, options.which) for place in options.checkpoint]
    records = []
    for agent, place, folder in zip(agents, options.checkpoint, folders, strict=True):
        say(f"Playing {place} ({agent.progress.update} updates) ...")
        records.append(record(agent, folder.resolve().name, options.episodes, options.seed))
    stored.write_whole(file, page(agents, records))
    if any(episode.cut for found in records for episode in found.episodes):
        say(f"Episodes that go on after {LONGEST} steps are shown up to there.")
    say(f"Open it in a browser: {file} ({file.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
