import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from minigrid_drawings import draw, state_of

from envs_jax import make
from envs_jax.minigrid import DoorKey, Memory, RedBlueDoors, dynamics, tiles
from envs_jax.minigrid.dynamics import DONE, DROP, FORWARD, LEFT, PICKUP, RIGHT, TOGGLE
from envs_jax.reference import policy_returns, recorded


@functools.cache
def stepper(name):
    _, params = make(name)
    step = jax.jit(functools.partial(dynamics.step, params=params))

    def play(state, *actions):
        reward, ended = None, None
        for action in actions:
            state, reward, ended = step(state, jnp.int32(action))
        return state, reward, ended

    return play


def start(name, draws):
    _, params = make(name)
    return dynamics.reset(jnp.asarray(draws, jnp.float32), params)


class TestRules:
    ROOM = ("######", "#    #", "#    #", "#    #", "######")

    def test_turning_walking_and_walls(self):
        play = stepper("doorkey-8x8")
        state, *_ = play(state_of(*self.ROOM, at=(1, 1), facing="up"), FORWARD, RIGHT)
        assert state.direction == 0 and tuple(state.position) == (1, 1)
        state, *_ = play(state, FORWARD, FORWARD, LEFT, LEFT)
        assert state.direction == 2 and tuple(state.position) == (3, 1) and state.time == 6

    def test_doors_swing_lock_and_block(self):
        play = stepper("doorkey-8x8")
        locked = state_of("####", "# L#", "####", at=(1, 1), facing="right")
        assert play(locked, TOGGLE)[0].grid[1, 2] == tiles.YELLOW_LOCKED
        keeper = locked.replace(carrying=jnp.uint8(tiles.YELLOW_KEY))
        opened, *_ = play(keeper, TOGGLE)
        assert opened.grid[1, 2] == tiles.YELLOW_OPEN and opened.carrying == tiles.YELLOW_KEY
        shut, *_ = play(opened, TOGGLE, FORWARD)
        assert shut.grid[1, 2] == tiles.YELLOW_CLOSED and tuple(shut.position) == (1, 1)
        through, *_ = play(shut, TOGGLE, FORWARD, DONE)
        assert tuple(through.position) == (2, 1)

    def test_one_thing_is_carried_and_dropped_only_on_a_free_cell(self):
        play = stepper("doorkey-8x8")
        room = state_of("#####", "#  y#", "#  k#", "#####", at=(2, 1), facing="right")
        held, *_ = play(room, PICKUP)
        assert held.carrying == tiles.YELLOW_KEY and held.grid[1, 3] == tiles.EMPTY
        both, *_ = play(held, RIGHT, FORWARD, LEFT, PICKUP)
        assert both.carrying == tiles.YELLOW_KEY and both.grid[2, 3] == tiles.GREEN_KEY
        assert play(both, DROP)[0].carrying == tiles.YELLOW_KEY  # there is something already
        assert play(both, LEFT, LEFT, LEFT, DROP)[0].carrying == tiles.YELLOW_KEY  # a wall
        dropped, *_ = play(both, LEFT, DROP)
        assert dropped.carrying == tiles.EMPTY and dropped.grid[1, 2] == tiles.YELLOW_KEY


class TestRedBlueDoors:
    # Draws: agent's x and y, red row, blue row, direction.
    DRAWS = (0.0, 0.0, 0.0, 0.0, 0.5)  # top left of the room, facing the red door

    def test_layout(self):
        state = start("redbluedoors-8x8", (0.999, 0.2, 0.35, 0.999, 0.3))
        assert draw(state.grid) == [
            "################",
            "#   #      #   #",
            "#   #      #   #",
            "#   R      #   #",
            "#   #      #   #",
            "#   #      #   #",
            "#   #      B   #",
            "################",
        ]
        assert tuple(state.position) == (10, 2) and state.direction == 1

    def test_red_then_blue_pays_what_is_left_of_the_time(self):
        play = stepper("redbluedoors-6x6")
        state, reward, ended = play(start("redbluedoors-6x6", self.DRAWS), TOGGLE)
        assert not ended and reward == 0
        state, reward, ended = play(state, LEFT, LEFT, *[FORWARD] * 3, TOGGLE)
        assert ended and reward == pytest.approx(1 - 0.9 * 7 / 720)

    def test_blue_first_fails(self):
        play = stepper("redbluedoors-6x6")
        _, reward, ended = play(start("redbluedoors-6x6", self.DRAWS), LEFT, LEFT, *[FORWARD] * 3, TOGGLE)
        assert ended and reward == 0

    def test_red_must_still_be_open(self):
        play = stepper("redbluedoors-6x6")
        opened_and_shut, _, ended = play(start("redbluedoors-6x6", self.DRAWS), TOGGLE, TOGGLE)
        assert not ended
        _, reward, ended = play(opened_and_shut, LEFT, LEFT, *[FORWARD] * 3, TOGGLE)
        assert ended and reward == 0

    def test_time_limit_truncates_and_a_success_in_the_last_step_still_pays(self):
        env, params = make("redbluedoors-6x6")
        state = start("redbluedoors-6x6", self.DRAWS).replace(time=jnp.int32(719))
        *_, reward, terminated, truncated, _ = env.step(jax.random.key(0), state, DONE, params)
        assert truncated and not terminated and reward == 0
        state = state.replace(
            grid=state.grid.at[1, 3].set(tiles.RED_OPEN), position=jnp.array([7, 1]), direction=jnp.int32(0)
        )
        *_, reward, terminated, truncated, info = env.step(jax.random.key(0), state, TOGGLE, params)
        assert terminated and truncated and reward == pytest.approx(0.1)
        assert info["final_observation"][5 * 7 + 3] == np.float32(tiles.BLUE_OPEN / 13)

    def test_layouts_are_uniform(self):
        _, params = make("redbluedoors-8x8")
        env, _ = make("redbluedoors-8x8")
        states = jax.jit(jax.vmap(env.reset, (0, None)))(jax.random.split(jax.random.key(0), 20_000), params)[
            1
        ]
        x, y = np.asarray(states.position).T
        red, blue = np.asarray(states.grid[:, :, 4]), np.asarray(states.grid[:, :, 11])
        counts = [
            np.bincount((x - 5) * 6 + y - 1, minlength=36),
            np.bincount(states.direction, minlength=4),
            (red == tiles.RED_CLOSED).sum(0)[1:-1],
            (blue == tiles.BLUE_CLOSED).sum(0)[1:-1],
        ]
        for count, cells in zip(counts, (36, 4, 6, 6), strict=True):
            expected = 20_000 / cells
            assert count.shape == (cells,) and count.sum() == 20_000
            assert ((count - expected) ** 2 / expected).sum() < cells + 4 * (2 * cells) ** 0.5


def test_memory_rewards_the_matching_object_and_never_picks_up():
    play = stepper("memory-s7")
    for like, turn in ((0.0, LEFT), (0.9, RIGHT)):  # the object above is a key, so is the first, or is not
        state = start("memory-s7", (0.999, like, 0.0))
        assert draw(state.grid)[2][1] == ("k" if like < 0.5 else "o")
        assert tuple(state.position) == (4, 3) and state.direction == 0
        for way, pays in ((turn, True), (LEFT + RIGHT - turn, False)):
            end, reward, ended = play(state, FORWARD, way, PICKUP, FORWARD)
            assert ended and (reward > 0) == pays and end.carrying == tiles.EMPTY


def test_doorkey_layout_leaves_the_lowest_row_without_a_door():
    rows = set()
    for door in np.linspace(0, 0.999, 20):
        state = start("doorkey-5x5", (0, 0.5, 0, door, 0.99))
        rows.add(int((np.asarray(state.grid) == tiles.YELLOW_LOCKED).any(1).argmax()))
        assert draw(state.grid)[3][3] == "G" and tuple(state.position) == (1, 2)
    assert rows == {1, 2}


@pytest.mark.slow
def test_doorkey_places_the_key_beside_the_agent_and_never_under_it():
    for agent in np.linspace(0, 0.999, 18):
        for key in np.linspace(0, 0.999, 17):
            state = start("doorkey-8x8", (0.3, agent, 0, 0, key))  # the wall in column 3
            y, x = np.argwhere(np.asarray(state.grid) == tiles.YELLOW_KEY)[0]
            assert 1 <= x <= 2 and (x, y) != tuple(state.position)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["redbluedoors-8x8", "memory-s7", "doorkey-5x5"])
def test_planner_always_succeeds_and_random_rarely(name):
    env, params = make(name)
    table = recorded(name, {})
    assert set(table) == set(env.policies())
    planner = np.asarray(
        policy_returns(env, params, env.policies()["planner, state known"], jax.random.key(5), 1000)
    )
    mean, error = table["planner, state known"]
    assert planner.min() > 0.9
    assert abs(planner.mean() - mean) < 4 * np.hypot(error, planner.std() / 1000**0.5)
    assert table["random"][0] < 0.6 < mean


@pytest.mark.parametrize("name", ["redbluedoors-6x6", "memory-s7", "doorkey-5x5"])
def test_planner_is_as_short_as_exhaustive_search(name):
    env, params = make(name)
    step = jax.jit(jax.vmap(jax.vmap(functools.partial(dynamics.step, params=params), (None, 0)), (0, None)))
    plan = jax.jit(functools.partial(env.policies()["planner, state known"], None, params=params))
    play = stepper(name)
    for seed in range(2):
        state = env.reset(jax.random.key(seed), params)[1]
        assert _steps_to_success(lambda state: play(state, plan(state)), state) == _shortest(step, state)


def _steps_to_success(play, state):
    reward = 0
    while not reward:
        state, reward, _ = play(state)
    return int(state.time)


def _shortest(step, state, width=64):
    """Steps of a shortest way: every action in every state that is reached before the episode ends.

    ``width`` states are tried at a time.
    """
    frontier, known = [jax.tree.map(np.asarray, state)], set()
    for steps in range(1, 100):
        found = []
        for begin in range(0, len(frontier), width):
            part = frontier[begin : begin + width]
            part += part[:1] * (width - len(part))
            after, reward, ended = jax.tree.map(
                np.asarray, step(jax.tree.map(lambda *x: np.stack(x), *part), jnp.arange(7))
            )
            if reward.any():
                return steps
            for i, action in np.ndindex(reward.shape):
                one = jax.tree.map(lambda x, at=(i, action): x[at], after)
                label = (one.grid.tobytes(), *one.position.tolist(), int(one.direction), int(one.carrying))
                if label not in known and not ended[i, action]:
                    known.add(label)
                    found.append(one)
        frontier = found
    raise AssertionError("no way to succeed")


def test_names_and_arguments():
    assert make("redbluedoors-8x8")[1].max_steps_in_episode == 1280
    assert make("memory-s7")[1].max_steps_in_episode == 245
    assert make("doorkey-5x5")[1].max_steps_in_episode == 250
    assert make("redbluedoors-8x8", max_steps_in_episode=50)[1].max_steps_in_episode == 50
    for wrong, sentence in (
        ({"observation": "rgb"}, "must be one of"),
        ({"max_steps_in_episode": 0}, "whole number from 1"),
        ({"size": 7}, "there is no 'size'"),
    ):
        with pytest.raises(ValueError, match=sentence):
            make("redbluedoors-8x8", **wrong)
    for task, size in ((RedBlueDoors, 7), (Memory, 8), (DoorKey, 4)):
        with pytest.raises(ValueError, match="size must be one of"):
            task(size)


@pytest.mark.slow
def test_time_limit_can_be_swept_with_vmap():
    _, params = make("redbluedoors-8x8")
    state = start("redbluedoors-8x8", (0, 0, 0, 0, 0))
    state = state.replace(
        grid=state.grid.at[1, 4].set(tiles.RED_OPEN), position=jnp.array([10, 1]), direction=jnp.int32(0)
    )

    def reward(limit):
        return dynamics.step(state, jnp.int32(TOGGLE), params.replace(max_steps_in_episode=limit))[1]

    np.testing.assert_allclose(jax.vmap(reward)(jnp.array([9, 90])), [0.9, 0.99], rtol=1e-6)


def test_picture_shows_what_is_seen_in_full_light():
    env, _ = make("redbluedoors-8x8")
    state = start("redbluedoors-8x8", (0.0, 0.0, 0.0, 0.0, 0.5))
    image = env.render(state)
    assert image.shape == (8 * 32, 16 * 32, 3)
    floor_seen, floor_unseen = image[3 * 32 + 16, 5 * 32 + 16], image[3 * 32 + 16, 8 * 32 + 16]
    assert (floor_seen > floor_unseen).all()
