import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minigrid_drawings import LETTERS, see, state_of

from envs_jax import make
from envs_jax.minigrid import dynamics, tiles, view


class TestSight:
    """Cases worked out by hand from the rule; minigrid itself judges in test_minigrid_original.py."""

    OPEN = ("         ",) * 9

    def test_empty_space_is_seen_whole_and_beyond_the_grid_are_walls(self):
        assert see(state_of(*self.OPEN, at=(4, 8), facing="up")) == ["       "] * 7
        assert see(state_of(*self.OPEN, at=(0, 2), facing="up")) == [
            *["......."] * 3,
            "..#####",
            *["..#    "] * 3,
        ]

    def test_a_wall_ahead_hides_what_is_behind_it(self):
        rows = [*self.OPEN[:6], "#########", *self.OPEN[:2]]
        assert see(state_of(*rows, at=(4, 8), facing="up"))[3:] == [".......", "#######", *["       "] * 2]

    def test_only_open_doors_let_sight_through(self):
        for door, beyond in (("r", "ooo"), ("R", "..."), ("d", "ooo"), ("D", "..."), ("L", "...")):
            rows = ["#########", "####o####", "###ooo###", f"####{door}####", "####o####", "####o####"]
            sight = see(state_of(*rows, at=(4, 5), facing="up"))
            assert sight[3][2:5] == beyond, door
            assert sight[4] == f"..#{door}#..", door

    def test_things_do_not_hide_what_is_behind_them(self):
        rows = ["#########", "#########", "####b####", "####k####", "####G####", "####o####", "#### ####"]
        assert [row[3] for row in see(state_of(*rows, at=(4, 6), facing="up"))] == list(".#bkGo ")

    def test_the_view_turns_with_the_agent(self):
        rows = [
            "         ",
            "    o    ",
            "         ",
            "         ",
            " k     R ",
            *["         "] * 2,
            "    G    ",
        ]
        for facing, thing, row in (("up", "o", 3), ("left", "k", 3), ("right", "R", 3), ("down", "G", 3)):
            assert see(state_of(*rows, at=(4, 4), facing=facing))[row][3] == thing
        # To the right of an agent that looks up is what is to the right in the grid.
        assert see(state_of(*rows, at=(4, 4), facing="up"))[6] == "k     R"

    def test_what_is_carried_is_seen_in_the_agents_own_cell(self):
        sight = see(state_of(*self.OPEN, at=(4, 8), facing="up", carrying=tiles.YELLOW_KEY))
        assert sight[6] == "   y   " and sight[5] == "       "

    @given(st.integers(0, 2**49 - 1))
    @settings(max_examples=200, deadline=None)
    def test_bits_spread_as_cells_do(self, bits):
        opaque = np.array([bits >> i & 1 for i in range(49)], bool).reshape(7, 7)
        np.testing.assert_array_equal(_visible(opaque), cell_by_cell(opaque))


_visible = jax.jit(view.visible)


def cell_by_cell(opaque):
    """Sight spread through one cell after the other, in the order of minigrid's ``process_vis``."""
    seen = np.zeros((8, 9), bool)  # a row beyond the farthest, a column on each side: [row + 1, column + 1]
    seen[7, 4] = True
    for row in range(7, 0, -1):
        for side, columns in ((1, range(1, 7)), (-1, range(7, 1, -1))):
            for column in columns:
                if seen[row, column] and not opaque[row - 1, column - 1]:
                    seen[row, column + side] = seen[row - 1, column + side] = seen[row - 1, column] = True
    return seen[1:, 1:8]


class TestObservations:
    def test_grey_values_tell_all_tiles_apart(self):
        assert len(np.unique(tiles.CODES, axis=0)) == tiles.NUM_TILES
        state = state_of(*["".join(LETTERS)[:13].ljust(13)] * 3, at=(6, 2), facing="up")
        values = np.asarray(view.grey(state)).reshape(7, 7)
        np.testing.assert_allclose(values, np.asarray(view.view(state)) / 13, rtol=1e-6)

    @pytest.mark.parametrize("name", ["redbluedoors-8x8", "memory-s7", "doorkey-5x5"])
    def test_grey_and_grid_show_the_same(self, name):
        (grey, params), (grid, _) = make(name), make(name, observation="grid")
        tile_of = {tuple(code): tile for tile, code in enumerate(tiles.CODES.tolist())}
        for seed in range(5):
            values = grey.reset(jax.random.key(seed), params)[0]
            image = np.asarray(grid.reset(jax.random.key(seed), params)[0])
            assert image.dtype == np.int8 and image.shape == (7, 7, 3)
            from_image = [[tile_of[tuple(image[c, r].tolist())] / 13 for c in range(7)] for r in range(7)]
            np.testing.assert_allclose(np.reshape(values, (7, 7)), from_image, rtol=1e-6)


@pytest.mark.parametrize("direction", range(4))
def test_cells_of_the_view_lie_ahead(direction):
    state = state_of(*[" " * 15] * 15, at=(7, 7), facing="up").replace(direction=jnp.int32(direction))
    x, y = view.cells(state)
    ahead = dynamics.STEPS[direction]
    assert (x[6, 3], y[6, 3]) == (7, 7)
    assert (x[0, 3], y[0, 3]) == (7 + 6 * ahead[0], 7 + 6 * ahead[1])
