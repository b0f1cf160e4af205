"""Playing a trained agent: ``python -m iam_jax.evaluate --checkpoint DIR``."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from iam_jax.cli import exit_on_error, use_compilation_cache
from iam_jax.config import Config, ConfigError

if TYPE_CHECKING:
    import jax

    from iam_jax.ppo.rollout import Actor


def episode_returns(
    params: Any, key: "jax.Array", *, actor: "Actor", episodes: int, greedy: bool = False
) -> "jax.Array":
    """Undiscounted returns of the first episode of each of ``episodes`` fresh environments.

    One episode per environment, so that short episodes do not count more than long ones.

    Args:
      params: Of the actor's model.
      key: Source of all randomness.
      actor: Environment and model.
      episodes: N.
      greedy: Take the most probable action instead of sampling one.

    Returns:
      float32[N].
    """
    import jax
    import jax.numpy as jnp

    key_reset, key = jax.random.split(key)
    actors = actor.reset(key_reset, episodes)

    def unfinished(loop: Any) -> "jax.Array":
        return ~loop[2].all()

    def step(loop: Any) -> Any:
        actors, returns, done, key = loop
        key_step, key = jax.random.split(key)
        actors, transition = actor.act(params, actors, key_step, greedy=greedy)
        ended = transition.episode["ended"] & ~done
        returns = jnp.where(ended, transition.episode["return"], returns)
        return actors, returns, done | ended, key

    start = (actors, jnp.zeros(episodes), jnp.zeros(episodes, bool), key)
    return jax.lax.while_loop(unfinished, step, start)[1]


@dataclasses.dataclass(frozen=True)
class Options:
    """Plays the agent of a run and reports its mean return."""

    checkpoint: str
    """Folder of the run."""
    episodes: int = 1000
    """Episodes with sampled and as many with greedy actions."""
    which: Literal["best", "last"] = "best"
    """The checkpoint with the best evaluation, or the last one."""
    seed: int = 1_000_000
    """Of environments and actions; unlike any that training used by default."""
    gif: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Picture of one episode; by default episode.gif in the run's folder."""


def main(arguments: list[str] | None = None) -> None:
    options = tyro.cli(Options, args=arguments, prog="python -m iam_jax.evaluate")
    exit_on_error(partial(_evaluate, options))


def _evaluate(options: Options) -> None:
    if options.episodes < 1:
        raise ConfigError("--episodes must be at least 1.")
    config = Config.load(options.checkpoint)
    use_compilation_cache()
    import jax
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from iam_jax.build import make_learner
    from iam_jax.checkpoint import Checkpoints
    from iam_jax.learners import Learners

    learners = Learners(make_learner(config), config)
    state, progress = Checkpoints(options.checkpoint).restore(learners.shapes(), options.which)
    table = Table("seed", "actions", "mean return", "s.e.", "best", "worst")
    for greedy in (False, True):
        play = partial(episode_returns, actor=learners.actor, episodes=options.episodes, greedy=greedy)
        returns = np.asarray(learners.map_seeds(play)(state.params, jax.random.key(options.seed)))
        for seed, row in zip(learners.seeds, returns, strict=True):
            error = row.std(ddof=1) / len(row) ** 0.5 if len(row) > 1 else float("nan")
            numbers = (row.mean(), error, row.max(), row.min())
            table.add_row(str(seed), "greedy" if greedy else "sampled", *(f"{x:.2f}" for x in numbers))
    table.title = f"{options.episodes} episodes, {options.which} checkpoint ({progress.update} updates)"
    Console().print(table)
    _save_gif(options, learners, state, jax.random.key(options.seed))


def _save_gif(options: Options, learners: Any, state: Any, key: Any) -> None:
    if not hasattr(learners.actor.env, "render"):
        print("This environment cannot be drawn, so there is no GIF.")
        return
    from iam_jax.film import film

    file = Path(options.gif or Path(options.checkpoint) / "episode.gif")
    film(learners.actor, learners.first_seed(state.params), key, file)
    print(f"One episode: {file}")


if __name__ == "__main__":
    main()
