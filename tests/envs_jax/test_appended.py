"""What is shown beside an observation: the hidden state, and variables that mean nothing."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from structured import Structured

import envs_jax
from envs_jax import spaces
from envs_jax.environment import Environment, EnvParams, EnvState
from envs_jax.testing import check_env
from envs_jax.wrappers import (
    Distractors,
    EpisodeStatistics,
    FrameStack,
    Hidden,
    Observe,
    PreviousAction,
    Vector,
)

N = 9
"""Three coins, three walks, and copies of entries 0, 2 and 3 of what `Walk` shows."""


class State(EnvState):
    """``place``: int32[]; ``secret``: float32[]."""

    place: jax.Array
    secret: jax.Array


class Walk(Environment):
    """Four entries: place, its square, time, and 7. Each episode has a secret and ends after 5 steps."""

    default_params = EnvParams(max_steps_in_episode=5)

    def __init__(self, space=None, show=None):
        self.space = spaces.Box(-30.0, 30.0, (4,)) if space is None else space
        self.show = show

    def begin(self, key, params):
        secret = jax.random.uniform(key, minval=2.0, maxval=3.0)
        return State(time=jnp.int32(0), place=jnp.int32(0), secret=secret)

    def advance(self, key, state, action, params):
        place = state.place + action * jax.random.bernoulli(key).astype(jnp.int32)
        return state.replace(time=state.time + 1, place=place), state.secret

    def observe(self, state, params):
        if self.show is not None:
            return self.show(state)
        return jnp.stack([state.place, state.place**2, state.time, jnp.int32(7)]).astype(jnp.float32)

    def action_space(self, params=None):
        return spaces.Discrete(2)

    def observation_space(self, params=None):
        return self.space

    def d_set(self, params=None):
        return (2,) if self.show is None else (0,)

    def legal_actions(self, state, params=None):
        return jnp.array([True, True])

    def hidden(self, state):
        return {"b": state.place[None] > 0, "a": state.secret}

    def policies(self):
        return {"goes": lambda key, state, params: jnp.int32(state.place >= 0)}

    def render(self, state, params=None):
        return np.full((4, 4, 3), state.place, np.uint8)


@partial(jax.jit, static_argnums=(0, 2))
def played(env, key, steps, action=1):
    """Observations and last observations of an environment, [T + 1, ...] and [T, ...], and its last state."""

    def step(carry, key):
        _, state = carry
        obs, state, reward, _, truncated, info = env.step(key, state, action)
        return (obs, state), (obs, info["final_observation"], reward, truncated)

    obs, state = env.reset(key)
    (_, state), (later, final, reward, truncated) = jax.lax.scan(
        step, (obs, state), jax.random.split(key, steps)
    )
    seen = jax.tree.map(lambda first, others: jnp.concatenate([first[None], others]), obs, later)
    return seen, final, reward, truncated, state


@pytest.mark.slow
def test_distractors_leave_the_game_as_it_is_bit_by_bit():
    bare, wrapped = (played(env, jax.random.key(3), 40) for env in (Walk(), Distractors(Walk(), N)))
    for before, after in zip(bare[:2], wrapped[:2], strict=True):
        np.testing.assert_array_equal(before, after[:, :4])
    np.testing.assert_array_equal(bare[2], wrapped[2])
    np.testing.assert_array_equal(bare[3], wrapped[3])


@pytest.mark.slow
def test_distractors_are_what_they_are_said_to_be_and_have_nothing_to_do_with_the_game():
    env = Distractors(Walk(), N)
    seen = jax.vmap(lambda key: played(env, key, 60)[0])(jax.random.split(jax.random.key(0), 500))
    seen = np.asarray(seen)
    coins, walks, copies = seen[..., 4:7], seen[..., 7:10], seen[..., 10:]
    assert set(np.unique(coins)) == {0, 1} and abs(coins.mean() - 0.5) < 0.01
    assert (np.abs(walks) <= 1).all() and abs(walks.std() - 3**-0.5) < 0.02, "not uniform in [-1, 1]"
    assert (np.abs(np.diff(walks, axis=1)) <= 0.1 + 1e-6).all(), "a walk leaps"
    assert set(np.unique(copies[..., 1])) == {0, 1, 2, 3, 4} and (copies[..., 2] == 7).all()
    assert (copies[..., 0] <= copies[..., 1]).all() and (copies[..., 0] >= 0).all(), (
        "places are not of its time"
    )
    assert not (copies[..., 0] == seen[..., 0]).all(), "the other episode is this one"
    game, others = seen[..., :3].reshape(-1, 3), seen[..., 4:12].reshape(-1, 8)
    correlation = np.corrcoef(game.T, others.T)[:3, 3:]
    # Walks are remembered for some 300 steps, so 500 environments are hardly more than 500 independent draws.
    assert np.abs(correlation).max() < 0.12, correlation.round(3)


@pytest.mark.slow
def test_the_other_episode_is_at_another_time():
    """Episodes all last 5 steps, so one that began with this one would tell the time."""
    obs, _ = jax.vmap(Distractors(Walk(), 12).reset)(jax.random.split(jax.random.key(0), 1000))
    time = obs[:, -2]  # four copies: place, square, time, 7
    assert (obs[:, 2] == 0).all()
    counts = np.bincount(np.asarray(time, int), minlength=5)
    assert (np.abs(counts - 200) < 5 * 200**0.5).all(), counts


@pytest.mark.slow
def test_distractors_are_fresh_in_each_environment_and_go_on_across_an_episodes_end():
    env = Distractors(Walk(), N)
    one, other = (np.asarray(played(env, jax.random.key(i), 20)[0]) for i in range(2))
    assert not np.array_equal(one[:, 4:7], other[:, 4:7]) and not (one[:, 7:10] == other[:, 7:10]).any()
    seen, final, _, truncated, _ = played(env, jax.random.key(0), 20)
    end = int(np.argmax(truncated))
    np.testing.assert_array_equal(final[end, 4:], seen[end + 1, 4:])
    assert (np.abs(np.diff(seen[:, 7:10], axis=0)) <= 0.1 + 1e-6).all()


SPACES = {
    "discrete": (spaces.Discrete(6), lambda s: s.time, ("0", 6)),
    "several discrete": (spaces.MultiDiscrete((9, 6)), lambda s: jnp.stack([s.place, s.time]), ("0", 15)),
    "a number": (spaces.Box(0.0, 9.0, ()), lambda s: s.time.astype(jnp.float32), ("0", 1)),
    "bytes": (spaces.Box(0, 255, (3,), jnp.uint8), lambda s: jnp.full(3, s.time, jnp.uint8), ("0", 3)),
    "tuple": (
        spaces.Tuple((spaces.Discrete(6), spaces.Box(0.0, 9.0, (2,)))),
        lambda s: (s.time, jnp.full(2, s.place, jnp.float32)),
        ("1", 8),
    ),
}


@pytest.mark.parametrize("case", SPACES)
@pytest.mark.parametrize("wrap", [lambda env: Distractors(env, N), Hidden], ids=["distractors", "hidden"])
@pytest.mark.slow
def test_other_observations_stay_as_they_are_with_what_is_appended_as_a_part_of_its_own(case, wrap):
    space, show, (last, size) = SPACES[case]
    bare, env = Walk(space, show), wrap(Walk(space, show))
    check_env(EpisodeStatistics(FrameStack(PreviousAction(Vector(env)), 2)), env.default_params, num_steps=8)
    before, after = played(bare, jax.random.key(1), 7)[0], played(env, jax.random.key(1), 7)[0]
    shown = after[: len(before)] if isinstance(before, tuple) else after[0]
    jax.tree.map(np.testing.assert_array_equal, shown, before)
    names = [name for name, _ in spaces.leaves(env.observation_space())]
    assert names[-2:] == [last, str(int(last) + 1)] and env.d_set() == (0,)
    assert sum(sum(leaf.encoded_sizes) for _, leaf in spaces.leaves(bare.observation_space())) == size


class Parts(Walk):
    """Shows a dict whose parts stand on both sides of ``distractors`` and ``hidden``."""

    def __init__(self):
        parts = {name: spaces.Box(-30.0, 30.0, (2,)) for name in ("z", "a")}
        super().__init__(
            spaces.Dict(parts), lambda s: {name: jnp.full(2, s.place, jnp.float32) for name in "az"}
        )

    def d_set(self, params=None):
        return (1, 2, "z[1]", "a")


@pytest.mark.slow
def test_a_dict_gets_a_part_and_its_entries_keep_their_names():
    env = Distractors(Hidden(Parts()), 4)
    check_env(env, env.default_params, num_steps=8)
    assert [name for name, _ in spaces.leaves(env.observation_space())] == ["a", "distractors", "hidden", "z"]
    found = [spaces.variable_of(entry, env.observation_space()) for entry in env.d_set()]
    assert found == [1, 2 + 4 + 2, 3 + 4 + 2, "a"]
    again = Distractors(Parts(), 1)
    with pytest.raises(ValueError, match="has a part 'distractors' already"):
        Distractors(again, 1)


@pytest.mark.slow
def test_the_hidden_state_is_shown_and_at_an_episodes_end_that_of_its_last_state():
    seen, final, reward, truncated, _ = played(Hidden(Walk()), jax.random.key(2), 12)
    assert seen.shape == (13, 6), "four entries, the secret, and whether the place is above 0"
    np.testing.assert_array_equal(final[:, 4], reward)  # the secret of the episode is what it pays
    np.testing.assert_array_equal(seen[1:, 5], seen[1:, 0] > 0)
    (end, *_) = np.flatnonzero(truncated)
    assert seen[end + 1, 4] != final[end, 4] == seen[end, 4], "the secret of the next episode is another one"
    bare = played(Walk(), jax.random.key(2), 12)
    np.testing.assert_array_equal(bare[0], seen[:, :4])
    np.testing.assert_array_equal(bare[1], final[:, :4])


def test_the_hidden_state_is_shown_around_a_choice_of_entries():
    seen, final, *_ = played(Hidden(Observe(Walk(), (2, 0))), jax.random.key(2), 12)
    whole, whole_final, *_ = played(Hidden(Walk()), jax.random.key(2), 12)
    np.testing.assert_array_equal(seen, whole[:, [2, 0, 4, 5]])
    np.testing.assert_array_equal(final, whole_final[:, [2, 0, 4, 5]])


def test_bounds_of_what_is_appended_say_what_is_known_of_it():
    assert Hidden(Walk()).observation_space() == spaces.Box(-np.inf, np.inf, (6,))
    rocks, _ = envs_jax.make("tmaze")
    assert Distractors(rocks, 2).observation_space() == spaces.Box(-1.0, 1.0, (13,))
    assert Distractors(Walk(), N).observation_space() == spaces.Box(-30.0, 30.0, (13,))


@pytest.mark.parametrize("wrap", [lambda env: Distractors(env, N), Hidden], ids=["distractors", "hidden"])
def test_everything_else_passes_through(wrap):
    env = wrap(Walk())
    check_env(env, env.default_params, num_steps=12)
    _, state = env.reset(jax.random.key(0))
    assert env.d_set() == (2,) and env.name == "Walk" and env.num_frames == 1
    assert env.legal_actions(state).shape == (2,) and env.render(state).shape == (4, 4, 3)
    assert set(env.hidden(state)) == {"a", "b"}
    assert env.policies()["goes"](jax.random.key(0), state, env.default_params) == 1
    assert not env.is_truncated(state, env.default_params)


class Outside(Walk):
    external = True


def test_what_is_played_outside_of_jax_is_not_copied():
    env = Distractors(Outside(), N)
    _, state = env.reset(jax.random.key(0))
    assert state.another is None and state.walks.shape == (4,) and env.observation_space().shape == (13,)


def test_copies_are_no_more_than_there_are_entries():
    env = Distractors(Walk(), 60)
    _, state = env.reset(jax.random.key(0))
    assert state.another.shown.shape == (4,) and state.walks.shape == (28,)


def test_what_cannot_be_appended_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="at least 1 variable, not 0"):
        Distractors(Walk(), 0)
    with pytest.raises(
        ValueError, match=r"breakout shows is a Box of shape \(84, 84, 1\), a picture: leave out"
    ):
        Distractors(envs_jax.make("breakout")[0], 3)
    with pytest.raises(ValueError, match=r"the part 'camera/front' of what Structured shows .* a picture"):
        Distractors(Structured(), 3)
    for env in (Structured(), Outside(), envs_jax.make("breakout")[0]):
        with pytest.raises(
            ValueError, match=r"does not show its hidden state, .*: leave out --observe hidden"
        ):
            Hidden(env)
