"""How closely the rules follow the original: ``python -m envs_jax.atari.agreement``. Needs ALE.

Games are played in ALE and replayed by the rules with the same actions, frame by frame; then reference
policies play both, each with actions of their own.
"""

import argparse
import dataclasses
import json
import operator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.atari.breakout import dynamics as breakout_rules
from envs_jax.atari.breakout import policies as breakout_policies
from envs_jax.atari.console import Params
from envs_jax.atari.env import Breakout, Pong
from envs_jax.atari.original import ALE_ACTIONS, Original
from envs_jax.atari.pong import policies as pong_policies

GAMES = {"pong": Pong(), "breakout": Breakout()}
PLAYERS = {
    "pong": ("noop", "random", "follow the ball", "follow the ball, fire"),
    "breakout": ("random", "follow the ball"),
}
"""Policies that both play. Doing nothing in Breakout never begins the game."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What differs between games of ALE and their replay.

    Attributes:
      game: ``pong`` or ``breakout``.
      player: Who played in ALE.
      games: How many.
      steps: Their steps together.
      frames: Their frames together.
      rewards: Steps with another reward.
      ball, velocity, paddle, other: Frames in which that differs at all; ``other`` is the opponent, or the
        paddle's width.
      endings: Games that end at another step.
      exact_pictures: Share of observations with no pixel more than 1 apart.
      grey: Mean absolute difference of a pixel.
    """

    game: str
    player: str
    games: int
    steps: int
    frames: int
    rewards: int
    ball: int
    velocity: int
    paddle: int
    other: int
    endings: int
    exact_pictures: float
    grey: float


def play(game: str, player: str, rng: np.random.Generator, limit: int = 5000) -> dict[str, np.ndarray]:
    """One game in ALE.

    Args:
      game: ``pong`` or ``breakout``.
      player: One of `PLAYERS`, or ``wandering``: one that follows the ball with a part of the paddle that
        changes, and fires now and then, which shows more of the rules.
      rng: Source of the no-op start and of what the player does at random.
      limit: Steps after which the game is abandoned.

    Returns:
      ``noops`` int[]; by step ``action`` int[T], ``reward`` int[T], ``picture`` uint8[T, 84, 84, 1]; by frame
      ``ball`` int[T, 4, 2], ``velocity`` int[T, 4, 2], ``paddle`` int[T, 4], ``other`` int[T, 4]; and whether
      the game ``ended``, bool[].
    """
    original = Original(game)
    noops = int(rng.integers(Params().max_noops + 1))
    original.reset(noops)
    columns: dict[str, list[Any]] = {key: [] for key in ("action", "reward", "picture", *_STATE)}
    aside = 0
    while not original.over and len(columns["action"]) < limit:
        aside = int(rng.integers(-9, 10)) if rng.random() < 0.05 else aside
        action = _choose(game, player, original, rng, aside)
        shots, reward = [], 0
        for left in reversed(range(Params().frame_skip)):
            reward += original.frame(action)
            original.look(left)
            shots.append(original.snapshot())
        columns["action"].append(action)
        columns["reward"].append(reward)
        columns["picture"].append(original.observation())
        for key in _STATE:
            columns[key].append([getattr(shot, key) for shot in shots])
    trace = {key: np.array(column) for key, column in columns.items()}
    return trace | {"noops": np.array(noops), "ended": np.array(original.over)}


def compare(game: str, player: str, traces: list[dict[str, np.ndarray]]) -> Agreement:
    """Replays games of ALE, recorded by `play`."""
    sums = dict.fromkeys(("rewards", *_STATE, "endings", "steps"), 0)
    exact = grey = 0.0
    replay = jax.jit(partial(_replay, game))
    for trace in traces:
        steps = len(trace["action"])
        length = -(-steps // 1024) * 1024  # few lengths, few compilations
        actions = np.pad(trace["action"], (0, length - steps))
        replayed = jax.tree.map(np.asarray, replay(trace["noops"], actions))
        reward, picture, over, state = jax.tree.map(operator.itemgetter(slice(steps)), replayed)
        unlike = {key: state[key] != trace[key] for key in _STATE}
        # Where there is no ball, x and the velocity are what was left of the last one.
        ball = trace["ball"][..., 1] >= (256 if game == "breakout" else 1)
        unlike["ball"] = (unlike["ball"][..., 0] & ball) | unlike["ball"][..., 1]
        unlike["velocity"] = unlike["velocity"].any(-1) & ball
        unlike = {key: frames[:-1] for key, frames in unlike.items()}  # ALE stops within the last step
        for key, frames in unlike.items():
            sums[key] += int(frames.sum())
        sums["rewards"] += int((reward != trace["reward"]).sum())
        sums["endings"] += int(over.argmax() != steps - 1 if trace["ended"] else over.any())
        sums["steps"] += steps
        apart = np.abs(picture.astype(int) - trace["picture"])
        exact += float((apart.max((1, 2, 3)) <= 1).sum())
        grey += float(apart.mean((1, 2, 3)).sum())
    return Agreement(
        game=game,
        player=player,
        games=len(traces),
        frames=sums["steps"] * Params().frame_skip,
        exact_pictures=exact / sums["steps"],
        grey=grey / sums["steps"],
        **sums,
    )


def score_alone(game: str, player: str, key: jax.Array, games: int, limit: int) -> np.ndarray:
    """Returns of games that the rules play with actions of their own, float[games]."""
    env = GAMES[game]
    params = env.default_params
    policy = env.policies()[player]

    def step(carry: Any, key: jax.Array) -> tuple[Any, None]:
        state, total, over = carry
        state, reward = env.rules.step(state, policy(key, state, params), params)
        return (state, total + jnp.where(over, 0, reward), over | env.rules.is_over(state)), None

    def one(key: jax.Array) -> jax.Array:
        first, key = jax.random.split(key)
        state = env.rules.reset(jax.random.randint(first, (), 0, params.max_noops + 1))
        start = (state, jnp.float32(0), jnp.array(False))
        return jax.lax.scan(step, start, jax.random.split(key, limit))[0][1]

    return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(key, games)))


_FOLLOW = {"pong": jax.jit(pong_policies.follow), "breakout": jax.jit(breakout_policies.follow)}
_STATE = ("ball", "velocity", "paddle", "other")


def _replay(game: str, noops: jax.Array, actions: jax.Array) -> Any:
    """Reward, picture, whether the game is over, and the state in each frame, by step."""
    env = GAMES[game]

    def one_frame(state: Any, action: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        state = env.rules.frame(state, action)
        sprites = state.sprites
        other = sprites.half if game == "breakout" else sprites.opponent
        shot = {"ball": sprites.ball, "velocity": state.velocity, "paddle": sprites.paddle, "other": other}
        return state, shot

    def one_step(state: Any, action: jax.Array) -> tuple[Any, Any]:
        held = jnp.full(Params().frame_skip, action)
        after, shots = jax.lax.scan(one_frame, state, held)
        reward = env.rules.points(after) - env.rules.points(state)
        return after, (reward, env.pictures.draw(after), env.rules.is_over(after), shots)

    return jax.lax.scan(one_step, env.rules.reset(noops), actions)[1]


def _choose(game: str, player: str, original: Original, rng: np.random.Generator, aside: int) -> int:
    """Action of a player who looks at ALE's memory."""
    if player == "noop":
        return 0
    if player == "random":
        return int(rng.integers(len(ALE_ACTIONS[game])))
    shot = original.snapshot()
    wanders = player == "wandering"
    x, y = (int(number) for number in shot.ball)
    if game == "pong":
        fires = player.endswith("fire") or (wanders and rng.random() < 0.3)
        level = y + aside if wanders and y else y
        return int(_FOLLOW["pong"](level, shot.paddle, fires))
    x, y = x // breakout_rules.PIXEL, y // breakout_rules.PIXEL
    x += aside // 2 if wanders else 0
    return int(_FOLLOW["breakout"](x, y, shot.paddle, shot.other))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m envs_jax.atari.agreement", description=__doc__)
    parser.add_argument("--games", type=int, default=20, help="replayed, of each player")
    parser.add_argument("--own-games", type=int, default=1000, help="played by the rules alone")
    parser.add_argument("--limit", type=int, default=5000, help="steps after which a game is abandoned")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file")
    options = parser.parse_args()
    replays, scores = [], []
    for game in GAMES:
        for player in (*PLAYERS[game], "wandering"):
            rng = np.random.default_rng(options.seed)
            traces = [play(game, player, rng, options.limit) for _ in range(options.games)]
            replays.append(dataclasses.asdict(compare(game, player, traces)))
            print(replays[-1], flush=True)
            if player == "wandering":
                continue
            theirs = np.array([trace["reward"].sum() for trace in traces])
            key = jax.random.key(options.seed)
            ours = score_alone(game, player, key, options.own_games, options.limit)
            row: dict[str, Any] = {"game": game, "player": player}
            for name, values in (("ale", theirs), ("jax", ours)):
                row |= {name: float(values.mean()), f"{name}_se": float(values.std() / len(values) ** 0.5)}
            scores.append(row)
            print(row, flush=True)
    if options.output:
        command = f"python -m envs_jax.atari.agreement --games {options.games}"
        command += f" --own-games {options.own_games} --limit {options.limit} --seed {options.seed}"
        text = json.dumps({"command": command, "replays": replays, "scores": scores}, indent=2)
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
