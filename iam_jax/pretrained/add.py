"""Makes an agent of the package from a run: its parameters, its config, and what it earns."""

import shutil
from pathlib import Path

import jax
import msgspec

from envs_jax.registry import SUITES
from iam_jax import stored
from iam_jax.agent import EVALUATION_SEED, Agent, load
from iam_jax.checkpoint import Which
from iam_jax.config import Config
from iam_jax.errors import ConfigError
from iam_jax.pretrained import CARD, FOLDER, NAME, Card, read_card, weights
from iam_jax.sweep_report import train_words

LARGEST = 10**6
"""Bytes that one agent may take."""


def add(
    run_dir: str, name: str, *, which: Which, seed: int | None, episodes: int, folder: Path = FOLDER
) -> Card:
    """Writes an agent's three files, or nothing.

    Args:
      run_dir: Folder of the run.
      name: What the agent will be called.
      which: Checkpoint.
      seed: Of a run with several; by default its first.
      episodes: Played for the card.
      folder: Of all agents.

    Raises:
      ConfigError: The name cannot be given or is taken, the run cannot be opened, its environment or network
        is somebody's own, or the agent is too large.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"An agent's name is small letters and digits with dashes between, not {name!r}.")
    if (folder / name).exists():
        raise ConfigError(f"There is an agent {name} already: remove {folder / name} to replace it.")
    agent = load(run_dir, which, seed=seed)
    config = agent.config.replace(seed=agent.seed, num_seeds=1)
    _check_ours(config)
    (folder / name).mkdir(parents=True)
    try:
        weights.write(agent.params, folder / name)
        size = (folder / name / weights.FILE).stat().st_size
        if size > LARGEST:
            raise ConfigError(f"The agent takes {size:,} bytes, and at most {LARGEST:,} may be kept.")
        stored.save(config, folder / name)
        card = _card(agent, config, which, episodes)
        stored.write_whole(
            folder / name / CARD, msgspec.json.format(msgspec.json.encode(card)).decode() + "\n"
        )
    except BaseException:
        shutil.rmtree(folder / name)
        raise
    return read_card(folder / name)


def _card(agent: Agent, config: Config, which: Which, episodes: int) -> Card:
    result = agent.evaluate(episodes)
    return Card(
        command=" ".join(["python -m iam_jax.train", *train_words(config)]),
        which=which,
        updates=agent.progress.update,
        seconds=round(agent.progress.seconds, 1),
        mean_return=round(result.mean, 4),
        se=round(result.se, 4),
        episodes=episodes,
        evaluation_seed=EVALUATION_SEED,
        device=jax.devices()[0].device_kind,
    )


def _check_ours(config: Config) -> None:
    """Refuses agents that nobody else could open."""
    own = list(config.model.own.values())
    if ":" in config.env and not config.env.startswith(tuple(SUITES)):
        own.append(config.env)
    if config.init_from is not None:
        own.append(f"--init-from {config.init_from}")
    if own:
        raise ConfigError(f"An agent of the package can need nothing beside it, as it does {', '.join(own)}.")
