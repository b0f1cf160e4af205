"""Reference policies of the labyrinths; ``env`` and states are those of `envs_jax.popgym.mazes`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.popgym import bits

LEFT, RIGHT, UP, DOWN = range(4)
TURNS = np.array(
    [
        (UP, LEFT, DOWN, RIGHT),
        (DOWN, RIGHT, UP, LEFT),
        (RIGHT, UP, LEFT, DOWN),
        (LEFT, DOWN, RIGHT, UP),
        (UP, LEFT, DOWN, RIGHT),
    ]
)
"""After each last action those that turn right, go on, turn left and go back; at first, in any order."""


def follow_wall(env: Any, key: jax.Array, state: Any, params: object) -> jax.Array:
    """Keeps the right hand on the wall, which the view and the last action tell: no memory, int32[]."""
    tries = jnp.asarray(TURNS)[state.last_action]
    moves = jnp.stack([(env.move(state, action) != state.position).any() for action in tries])
    return tries[moves.argmax()].astype(jnp.int32)


def shortest_way(env: Any, key: jax.Array, state: Any, params: object) -> jax.Array:
    """The whole maze known: a shortest way to what is worth reaching, or the nearest of it, int32[]."""
    free = env.free(state)
    here = bits.square(state.position[0], state.position[1], env.side)

    def spread(loop: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        flood, _ = loop
        around = flood << 1 | flood >> 1 | bits.down(flood, 1) | bits.down(flood, -1)
        return flood | (around & free), flood

    def goes_on(loop: tuple[jax.Array, jax.Array]) -> jax.Array:
        flood, before = loop
        return (flood & here == 0).all() & (flood != before).any()

    targets = env.targets(state)
    before = jax.lax.while_loop(goes_on, spread, (targets, jnp.zeros_like(targets)))[1]
    ends = [env.move(state, jnp.int32(action)) for action in range(4)]
    return jnp.stack([bits.has(before, *end) for end in ends]).argmax().astype(jnp.int32)
