"""Playing a trained agent: ``python -m iam_jax.evaluate --checkpoint DIR``."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from iam_jax import pretrained, stored
from iam_jax.cli import check_writable, exit_on_error, use_compilation_cache
from iam_jax.limits import check_range, flag
from iam_jax.sweep import label

if TYPE_CHECKING:
    from iam_jax.agent import Agent

EPISODES = ("episodes", "simulator_episodes")


@dataclasses.dataclass(frozen=True)
class Options:
    """Plays an agent, reports its mean return, and films one episode as a GIF."""

    checkpoint: str
    """Folder of the run, or pretrained:NAME (python -m iam_jax.pretrained lists the names)."""
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
    max_eval_steps: int | None = None
    """Episodes that are longer are cut here; by default as in the run."""
    gif: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Picture of one episode; by default episode.gif in the run's folder, or NAME.gif here."""
    attention: bool = False
    """Beside it also attention.gif and attention.png: what a dynamic d-set looks at."""


def main(arguments: list[str] | None = None) -> None:
    options = tyro.cli(Options, args=arguments, prog="python -m iam_jax.evaluate")
    exit_on_error(partial(_evaluate, options))


def _evaluate(options: Options) -> None:
    config = stored.load(folder := pretrained.folder_of(options.checkpoint))
    file = Path(options.gif or pretrained.file_for(options.checkpoint, "episode.gif"))
    _check(options, file)
    use_compilation_cache()
    import jax
    from rich.console import Console
    from rich.table import Table

    from iam_jax.agent import load_all
    from iam_jax.attention import check_attention, check_parts, film_attention
    from iam_jax.display import Display

    if options.attention:
        check_attention(config.model)
    console = Console()
    agents = load_all(options.checkpoint, options.which, say=partial(console.print, soft_wrap=True))
    if options.attention:
        check_parts(agents[0].actor.model)
    simulated = [_in_simulator(agent, options.simulator) for agent in agents]
    play: dict[str, Any] = {
        "seed": options.seed,
        "max_steps": options.max_eval_steps or config.output.max_eval_steps,
        "look": Display(console, 1).playing,
    }
    what = folder.name if pretrained.is_name(options.checkpoint) else f"{options.which} checkpoint"
    title = f"{what} ({agents[0].progress.update} updates)"
    swept = ["setting"] if config.sweep else []
    names = ("seed", "actions", "played in", "episodes", "mean return", "s.e.", "highest", "lowest")
    table = Table(*swept, *names, title=title)
    cut = 0

    def add_row(agent: "Agent", actions: str, where: str, episodes: int) -> None:
        nonlocal cut
        result = agent.evaluate(episodes, greedy=actions == "greedy", **play)
        returns, cut = result.returns, cut + result.unfinished
        numbers = (result.mean, result.se, returns.max(), returns.min())
        whose = [label(agent.setting)] if config.sweep else []
        table.add_row(*whose, str(agent.seed), actions, where, str(episodes), *(f"{x:.2f}" for x in numbers))

    here = "ALE" if config.env.startswith("ale:") else "gymnasium" if agents[0].env.external else "JAX"
    for actions in ("sampled", "greedy"):
        for agent in agents:
            add_row(agent, actions, here, options.episodes or config.output.final_episodes)
        for there in simulated:
            if there is not None:
                add_row(there, actions, options.simulator.upper(), options.simulator_episodes)
    console.print(table)
    if cut:
        console.print(
            f"{cut} episodes were cut after {play['max_steps']} steps, and count with what they had."
        )
    if agents[0].film(file, seed=options.seed):
        console.print(f"One episode, filmed: {file}", soft_wrap=True, highlight=False)
    else:
        console.print("This environment neither draws itself nor shows images, so there is no GIF.")
    if options.attention:
        key = jax.random.key(options.seed)
        film_attention(agents[0].params, key, actor=agents[0].actor, folder=file.parent)
        console.print(f"Where it looked: {file.with_name('attention.gif')} and attention.png", soft_wrap=True)


def _check(options: Options, gif: Path) -> None:
    """Refuses what would fail only after the episodes have been played."""
    for name in EPISODES:
        if (number := getattr(options, name)) is not None:
            check_range("final_episodes", number, flag(name))
    check_range("seed", options.seed)
    check_range("max_eval_steps", options.max_eval_steps)
    check_writable(gif, "GIF", "--gif")


def _in_simulator(agent: "Agent", simulator: str) -> "Agent | None":
    """The agent in the original of its environment, if one is asked for."""
    if simulator == "sumo":
        from envs_jax.traffic.sumo_env import make

        return agent.in_simulator(make)
    if simulator == "ale":
        from envs_jax.atari.ale import simulate

        return agent.in_simulator(simulate)
    return None


if __name__ == "__main__":
    main()
