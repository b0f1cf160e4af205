"""The Warehouse's rules a second time, in plain Python with an item list: what the JAX port is held to.

Written from the published rules, not from `envs_jax`: items live in a list in the order in which
they appeared, and the 7x7 original's removal is reproduced by really shrinking the list while
iterating over it.
"""

import numpy as np


class NumpyWarehouse:
    def __init__(self, *, mini: bool, legacy_removal: bool, size: int | None = None):
        self.mini, self.legacy = mini, legacy_removal
        self.size = size or (5 if mini else 7)
        self.lifetime = 16 if mini else 8
        last = self.size - 1
        edge = range(self.size)
        if mini:
            inner = range(1, last)
            self.draw_cells = sorted(
                [(0, c) for c in inner]
                + [(last, c) for c in inner]
                + [(r, 0) for r in inner]
                + [(r, last) for r in inner]
            )
            self.seen_cells = [(r, c) for r in (0, last) for c in inner]
        else:
            self.draw_cells = [(r, c) for r in (0, last) for c in edge]
            self.draw_cells += [(r, c) for r in edge for c in (0, last)]
            self.seen_cells = [(r, c) for r in (0, last) for c in edge]
        self.seen_cells += [(r, c) for r in range(1, last) for c in (0, last)]

    def reset(self, draws):
        self.robot = (self.size // 2, self.size // 2)
        self.items = []  # [row, column, age]
        self._spawn(draws, cleared=[])

    def step(self, action, draws):
        self._move(action)
        for item in self.items:
            item[2] += 1
        ages = [item[2] for item in self.items]
        reward = 0.0
        for row, column, age in self.items:
            if (row, column) == self.robot:
                reward += 0.25 * age / max(ages) if self.mini else 1.0
        cleared = [tuple(i[:2]) for i in self.items if self._goes(i)]
        if self.legacy and not self.mini:
            for item in self.items:  # the list shrinks under its own iterator
                if self._goes(item):
                    self.items.remove(item)
        else:
            self.items = [i for i in self.items if not self._goes(i)]
        self._spawn(draws, cleared=cleared if self.mini else [])
        return reward

    def observe(self):
        robot = np.zeros((self.size, self.size))
        robot[self.robot] = 1
        there = {tuple(item[:2]) for item in self.items}
        return np.concatenate([robot.ravel(), [float(cell in there) for cell in self.seen_cells]])

    def _goes(self, item):
        return tuple(item[:2]) == self.robot or item[2] >= self.lifetime

    def _move(self, action):
        row, column = self.robot
        last = self.size - 1
        d_row, d_column = [(-1, 0), (1, 0), (0, -1), (0, 1)][action]
        if self.mini and column in (0, last):
            d_row = 0
        if self.mini and row in (0, last):
            d_column = 0
        self.robot = (min(max(row + d_row, 0), last), min(max(column + d_column, 0), last))

    def _spawn(self, draws, cleared):
        for cell, draw in zip(self.draw_cells, draws, strict=True):
            taken = any(tuple(item[:2]) == cell for item in self.items)
            full = self.mini and len(self.items) >= 4
            if draw < 0.05 and not taken and cell not in cleared and not full:
                self.items.append([*cell, 0])
