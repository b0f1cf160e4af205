"""Adapters for `popgym_replay`: the boards and the labyrinths."""

import collections

import numpy as np
from popgym_adapter import Adapter

from envs_jax.popgym.boards import BattleshipState, MineSweeperState
from envs_jax.popgym.hunt_and_kill import Growth
from envs_jax.popgym.mazes import EPISODE_LENGTH, State


def packed(board):
    """A board as rows of bits, int32[H]."""
    return (np.asarray(board, bool) * (1 << np.arange(np.shape(board)[1]))).sum(1).astype(np.int32)


def squares(rows, width):
    """Rows of bits as a board, bool[H, width]."""
    return (np.asarray(rows)[:, None] >> np.arange(width)) & 1 == 1


def battleship(theirs, env):
    return BattleshipState(
        time=np.int32(theirs.num_steps),
        board=packed(theirs.board),
        guesses=packed(theirs.guesses),
        hit=np.bool_(theirs.last_obs),
    )


def battleship_features(state, seen):
    """Where ships are: how many in a row, in a column, on the rim, in a quarter, and how many touch."""
    size = len(state.board)
    board = squares(state.board, size)
    return {
        "in row 0": board[0].sum(),
        "in the middle row": board[size // 2].sum(),
        "in column 1": board[:, 1].sum(),
        "on the rim": board.sum() - board[1:-1, 1:-1].sum(),
        "in a quarter": board[: size // 2, : size // 2].sum(),
        "neighbours in rows": (board[:, 1:] & board[:, :-1]).sum(),
        "neighbours in columns": (board[1:] & board[:-1]).sum(),
        "first square": np.flatnonzero(board)[0],
        "hits": seen[0].sum(),
    }


def mine_sweeper(theirs, env):
    return MineSweeperState(
        time=np.int32(theirs.timestep),
        mines=packed(theirs.hidden_grid == 1),
        viewed=packed(theirs.hidden_grid == 2),
        seen=np.int32(0),
        exploded=np.bool_(False),
    )


def mine_sweeper_features(state, seen):
    """Where mines are: how many in a row, in a column, on the rim, beside each other; the first two."""
    size = len(state.mines)
    mines = squares(state.mines, size)
    first, second = np.flatnonzero(mines)[:2]
    return {
        "in row 0": mines[0].sum(),
        "in the last row": mines[-1].sum(),
        "in column 1": mines[:, 1].sum(),
        "on the rim": mines.sum() - mines[1:-1, 1:-1].sum(),
        "neighbours": (mines[:, 1:] & mines[:, :-1]).sum() + (mines[1:] & mines[:-1]).sum(),
        "first": first,
        "second": second,
        "seen first": seen[0][1],
    }


def labyrinth(theirs, env):
    """Walls beyond the last column are ones here. What grows for the next episode is nobody's business."""
    grid, side = theirs.maze.grid, env.side
    assert theirs.max_episode_length == EPISODE_LENGTH
    return State(
        time=np.int32(theirs.curr_step),
        walls=packed(grid == 1) | np.int32(-1 << side),
        explored=packed(theirs.explored),
        position=np.array(theirs.position, np.int32),
        entrance=np.array(theirs.maze.start, np.int32),
        exit=np.array(theirs.maze.end, np.int32),
        last_action=np.int32(4),
        growth=Growth(
            walls=np.full(side, -1, np.int32),
            position=np.ones(2, np.int32),
            hunts_left=np.int32(0),
            finished=np.bool_(True),
        ),
    )


def labyrinth_features(state, seen):
    """Doors, walls and the shape of the maze: dead ends, forks, the unreached, the way between the doors."""
    side = len(state.walls)
    free = ~squares(state.walls, side)
    free[tuple(state.entrance)] = free[tuple(state.exit)] = False
    cells, doors = free[1::2, 1::2], np.concatenate([state.entrance, state.exit])
    ways = np.zeros(cells.shape, int)
    ways += free[0:-1:2, 1::2] + 0 + free[2::2, 1::2] + free[1::2, 0:-1:2] + free[1::2, 2::2]
    inside = [np.clip(door, 1, side - 2) for door in (state.entrance, state.exit)]
    steps = distances(free, tuple(inside[0]))
    return {
        "entrance": doors[0] * side + doors[1],
        "exit beside entrance": abs(doors[:2] - doors[2:]).min(),
        "unreached cells": (~cells).sum(),
        "dead ends": (ways == 1).sum(),
        "forks": (ways > 2).sum(),
        "crossings": (ways == 4).sum(),
        "ways from a corner": ways[0, 0],
        "ways from the middle": ways[len(ways) // 2, len(ways) // 2],
        "openings in the first row": free[1, 2:-1:2].sum(),
        "openings in the middle column": free[2:-1:2, side // 2 // 2 * 2 + 1].sum(),
        "way between the doors": steps.get(tuple(inside[1]), -2) // 2,
        "farthest cell": max(steps.values(), default=-2) // 4,
    }


def distances(free, start):
    """Steps to every square that can be reached, by square."""
    steps = {start: 0} if free[start] else {}
    queue = collections.deque(steps)
    while queue:
        row, column = queue.popleft()
        for square in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if free[square] and square not in steps:
                steps[square] = steps[row, column] + 1
                queue.append(square)
    return steps


ADAPTERS = {
    "battleship": Adapter(
        battleship, ("board", "guesses", "last_obs"), "perfect memory", features=battleship_features
    ),
    "mine-sweeper": Adapter(mine_sweeper, ("hidden_grid",), "state known", features=mine_sweeper_features),
    "labyrinth-escape": Adapter(labyrinth, ("grid",), "state known", features=labyrinth_features),
    "labyrinth-explore": Adapter(labyrinth, ("grid",), "state known", features=labyrinth_features),
}
