"""Reference policies of Battleship and MineSweeper that remember or know the board.

A state is one of `envs_jax.popgym.boards`.
"""

from typing import Any

import jax
import jax.numpy as jnp

from envs_jax.popgym import bits

FOND_OF_HITS = 50.0
"""How much more likely a place of a ship counts for every hit in it."""
ROUNDS = 8
"""How often the single squares of a minefield are looked at again."""


def shoot_ships(size: int, key: jax.Array, state: Any, params: object) -> jax.Array:
    """Battleship, the board known: hits only, int32[2]."""
    return jnp.stack(bits.pick(state.board & ~state.guesses, jnp.float32(0), size))


def hunt_ships(size: int, ships: tuple[int, ...], key: jax.Array, state: Any, params: object) -> jax.Array:
    """Battleship, all shots and what they found remembered: where most places of ships overlap, int32[2].

    A place of a ship counts if no miss and not only hits lie in it, and the more the more hits do.
    """
    board, shot = (bits.unpack(rows, size) for rows in (state.board, state.guesses))
    hits, misses = (board & shot).astype(jnp.float32), (~board & shot).astype(jnp.float32)
    score = jnp.zeros((size, size))
    for ship in ships:
        score = score + _overlap(hits, misses, ship) + _overlap(hits.T, misses.T, ship).T
    noise = jax.random.uniform(key, (size, size))  # among equals any
    best = jnp.where(shot, -1.0, score + 1e-3 * noise).argmax()
    return jnp.stack([best // size, best % size]).astype(jnp.int32)


def _overlap(hits: jax.Array, misses: jax.Array, ship: int) -> jax.Array:
    """For each square how much places of a ship along a row speak for it, float32[N, N]."""
    size = len(hits)
    ends = size - ship + 1
    found, missed = (sum(shots[:, i : i + ends] for i in range(ship)) for shots in (hits, misses))
    fits = (missed == 0) & (found < ship)
    weight = jnp.where(fits, FOND_OF_HITS**found, 0.0)
    return jnp.stack([jnp.pad(weight, ((0, 0), (i, size - ends - i))) for i in range(ship)]).sum(0)


def click_clear(size: int, key: jax.Array, state: Any, params: object) -> jax.Array:
    """MineSweeper, the mines known: clear squares only, int32[2]."""
    clear = ~(state.mines | state.viewed) & ((1 << size) - 1)
    return jnp.stack(bits.pick(clear, jnp.float32(0), size))


def sweep_by_logic(size: int, num_mines: int, key: jax.Array, state: Any, params: object) -> jax.Array:
    """MineSweeper, every count remembered: a square that is safe by it, else one that looks so, int32[2].

    What follows from one count is drawn from it, again and again; what follows only from several together is
    not. A square about which nothing is known is taken to hold a mine as often as all that are left.
    """
    viewed = bits.unpack(state.viewed, size)
    mines = bits.unpack(state.mines, size).astype(jnp.float32)
    counts = jnp.where(viewed, _around(mines), 0.0)

    def conclude(_: int, known: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        safe, mined = known
        left, open_squares = _left(counts, viewed, safe, mined)
        none, all_of_them = viewed & (left == 0), viewed & (left == open_squares)
        unknown = ~(viewed | safe | mined)
        mined = mined | (unknown & (_around(all_of_them & (left > 0)) > 0))
        return safe | (unknown & ~mined & (_around(none) > 0)), mined

    nothing = jnp.zeros((size, size), bool)
    safe, mined = jax.lax.fori_loop(0, ROUNDS, conclude, (nothing, nothing))
    left, open_squares = _left(counts, viewed, safe, mined)
    share = jnp.where(viewed, left / jnp.maximum(open_squares, 1), 0.0)
    witnesses = _around(viewed)
    elsewhere = (num_mines - mined.sum()) / jnp.maximum((~viewed & ~mined).sum(), 1)
    risk = jnp.where(witnesses > 0, _around(share) / jnp.maximum(witnesses, 1), elsewhere)
    risk = jnp.where(safe, -1.0, risk) + 1e-3 * jax.random.uniform(key, risk.shape)  # among equals any
    best = jnp.where(viewed | mined, jnp.inf, risk).argmin()
    return jnp.stack([best // size, best % size]).astype(jnp.int32)


def _left(
    counts: jax.Array, viewed: jax.Array, safe: jax.Array, mined: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Around each square: mines not yet found, and squares of which nothing is known, float32[N, N] each."""
    return counts - _around(mined), _around(~(viewed | safe | mined))


def _around(board: jax.Array) -> jax.Array:
    """Sum over the 3 x 3 squares around each, float32[N, N]."""
    height, width = board.shape
    wide = jnp.pad(board.astype(jnp.float32), 1)
    return jnp.stack([wide[i : i + height, j : j + width] for i in range(3) for j in range(3)]).sum(0)
