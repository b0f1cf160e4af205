"""The pictures of the environments' pages: ``python -m benchmarks.plot_environments``.

Each moment is reached by one of the environment's own reference policies, and drawn by its `render`.
"""

import argparse
from pathlib import Path

import jax
import numpy as np
from PIL import Image

from envs_jax import make

HEIGHT, GAP = 160, 8
ROWS = {
    "bounds": [
        ("rocksample-11", "knows the rocks, nearest first", 12),
        ("battleship-10", "hunt and target", 30),
        ("tmaze", "remembers the hint", 4),
    ],
    "popgym": [
        ("popgym-concentration-easy", "perfect memory", 30),
        ("popgym-battleship-easy", "perfect memory", 24),
        ("popgym-labyrinth-escape-easy", "state known", 6),
    ],
    "control": [
        ("popgym-position-only-cart-pole-easy", "without memory", 8),
        ("popgym-position-only-pendulum-easy", "without memory", 8),
    ],
    "minatar": [
        (f"minatar-{game}", "random", 12)
        for game in ("asterix", "breakout", "freeway", "seaquest", "space-invaders")
    ],
}
"""Picture -> environment, policy and steps of each of its parts, from left to right."""


def moment(name: str, policy: str, steps: int) -> Image.Image:
    """What an environment looks like after some steps of a policy, ``HEIGHT`` pixels high."""
    env, params = make(name)
    act = env.policies()[policy]
    _, state = env.reset(jax.random.key(2), params)
    for t in range(steps):
        key = jax.random.fold_in(jax.random.key(3), t)
        _, state, *_ = env.step(key, state, act(key, state, params), params)
    picture = Image.fromarray(np.asarray(env.render(state)))
    how = Image.Resampling.NEAREST if picture.height < HEIGHT else Image.Resampling.BOX
    return picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), how)


def row(pictures: list[Image.Image]) -> Image.Image:
    width = sum(picture.width + GAP for picture in pictures) - GAP
    whole, left = Image.new("RGB", (width, HEIGHT), "white"), 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + GAP
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot_environments", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), help="some pictures")
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    for name in options.only:
        row([moment(*part) for part in ROWS[name]]).save(options.folder / f"{name}.png")


if __name__ == "__main__":
    main()
