"""Playing a trained agent: ``python -m iam_jax.evaluate --checkpoint DIR``."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from iam_jax.cli import exit_on_error, use_compilation_cache
from iam_jax.config import Config, ConfigError, flag


@dataclasses.dataclass(frozen=True)
class Options:
    """Plays the agent of a run and reports its mean return."""

    checkpoint: str
    """Folder of the run."""
    episodes: int | None = None
    """Episodes with sampled and as many with greedy actions; by default as many as ended the run."""
    which: Literal["best", "last"] = "best"
    """The checkpoint with the best evaluation (mean over seeds), or the last one."""
    seed: int = 1_000_000
    """Of environments and actions; unlike any that training used by default."""
    simulator: Literal["jax", "sumo", "ale"] = "jax"
    """Also plays in the original: traffic in sumo (extra: traffic); pong, breakout in ale (extra: atari)."""
    simulator_episodes: int = 100
    """Episodes there; in SUMO one after the other."""
    gif: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Picture of one episode; by default episode.gif in the run's folder."""
    attention: bool = False
    """Beside it also attention.gif and attention.png: what a dynamic d-set looks at."""


def main(arguments: list[str] | None = None) -> None:
    options = tyro.cli(Options, args=arguments, prog="python -m iam_jax.evaluate")
    exit_on_error(partial(_evaluate, options))


def _evaluate(options: Options) -> None:
    for name in ("episodes", "simulator_episodes"):
        if (getattr(options, name) or 1) < 1:
            raise ConfigError(f"--{flag(name)} must be at least 1.")
    file = Path(options.gif or Path(options.checkpoint) / "episode.gif")
    config = Config.load(options.checkpoint)
    episodes = options.episodes or config.output.final_episodes
    if not file.parent.is_dir():
        raise ConfigError(f"There is no folder {file.parent} for the GIF.")
    use_compilation_cache()
    import jax
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from iam_jax.attention import check_attention, film_attention
    from iam_jax.build import make_learner
    from iam_jax.checkpoint import Checkpoints
    from iam_jax.learners import Learners
    from iam_jax.play import at_once, episode_returns, film, one_by_one

    if options.attention:
        check_attention(config.network)
    learners = Learners(make_learner(config), config)
    simulator, play_there = None, one_by_one
    if options.simulator == "sumo":
        from envs_jax.traffic.sumo_env import make

        simulator = make_learner(config, make)
    elif options.simulator == "ale":
        from envs_jax.atari.ale import simulate

        simulator, play_there = make_learner(config, simulate), at_once
    state, progress = Checkpoints(options.checkpoint).restore(learners.shapes(), options.which)
    key = jax.random.key(options.seed)
    title = f"{options.which} checkpoint ({progress.update} updates)"
    table = Table(
        "seed", "actions", "played in", "episodes", "mean return", "s.e.", "highest", "lowest", title=title
    )

    def add_rows(returns: np.ndarray, actions: str, where: str) -> None:
        for seed, row in zip(learners.seeds, returns, strict=True):
            numbers = (row.mean(), row.std() / len(row) ** 0.5, row.max(), row.min())
            table.add_row(str(seed), actions, where, str(len(row)), *(f"{x:.2f}" for x in numbers))

    for greedy, actions in ((False, "sampled"), (True, "greedy")):
        play = partial(episode_returns, actor=learners.actor, episodes=episodes, greedy=greedy)
        here = "ALE" if config.env.startswith("ale:") else "JAX"
        add_rows(np.asarray(learners.map_seeds(play)(state.params, key)), actions, here)
        if simulator is not None:
            there = partial(
                play_there, actor=simulator.actor, episodes=options.simulator_episodes, greedy=greedy
            )
            by_seed = [there(learners.of_seed(state.params, seed), key) for seed in learners.seeds]
            add_rows(np.stack(by_seed), actions, options.simulator.upper())
    Console().print(table)
    if film(learners.of_seed(state.params, learners.seeds[0]), key, actor=learners.actor, file=file):
        print(f"One episode: {file}")
    else:
        print("This environment neither draws itself nor shows images, so there is no GIF.")
    if options.attention:
        params = learners.of_seed(state.params, learners.seeds[0])
        film_attention(params, key, actor=learners.actor, folder=file.parent)
        print(f"Where it looked: {file.with_name('attention.gif')} and attention.png")


if __name__ == "__main__":
    main()
