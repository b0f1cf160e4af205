"""The original games inside jit, against ALE's own vector environment."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("ale_py", reason="ale-py is not installed")
pytest.importorskip("chex", reason="chex is not installed")

from envs_jax import make
from envs_jax.atari.ale import simulate
from envs_jax.testing import check_env
from envs_jax.wrappers import EpisodeStatistics, Flicker, FrameStack
from iam_jax.build import make_learner
from iam_jax.config import Config, ConfigError, PPOConfig, RNNConfig

B, LIMIT = 3, 12
SHORT = Config(
    env="ale:Breakout",
    env_args=(f"max_steps_in_episode={LIMIT}",),
    total_steps=2 * B * 16,
    model=RNNConfig(fc=(16,), hidden=8),
    ppo=PPOConfig(num_envs=B, num_steps=16, bptt_length=8, num_epochs=1, num_minibatches=1),
)


def play(env, actions, seed=0):
    """Everything that a batch answers to given actions, [T, B, ...], and its first observation."""
    obs, state = jax.jit(jax.vmap(env.reset, (0, None)))(jax.random.split(jax.random.key(seed), B), None)
    keys = jax.random.split(jax.random.key(seed + 1), B)

    def step(state, action):
        obs, state, reward, terminated, truncated, info = jax.vmap(env.step, (0, 0, 0, None))(
            keys, state, action, None
        )
        return state, {"obs": obs, "reward": reward, "terminated": terminated, "truncated": truncated} | info

    return obs, jax.tree.map(np.asarray, jax.jit(partial(jax.lax.scan, step))(state, actions)[1])


@pytest.mark.slow
def test_ale_keeps_the_contract_as_far_as_emulators_can():
    env, params = make("ale:Breakout", max_steps_in_episode=30)
    check_env(EpisodeStatistics(FrameStack(Flicker(env, 0.5), 2)), params, num_envs=B, num_steps=40)


@pytest.mark.slow
def test_a_batch_is_what_the_vector_environment_plays():
    from ale_py.vector_env import AtariVectorEnv

    env, _ = make("ale:Breakout", max_steps_in_episode=70)
    actions = jax.random.randint(jax.random.key(2), (100, B), 0, 4)
    first, ours = play(env, actions)
    seeds = [int(jax.random.randint(k, (), 0, 2**31 - 1)) for k in jax.random.split(jax.random.key(0), B)]
    theirs = AtariVectorEnv(
        "breakout",
        B,
        stack_num=1,
        reward_clipping=False,
        use_fire_reset=False,
        max_num_frames_per_episode=280,
    )
    obs, _ = theirs.reset(seed=np.array(seeds))
    np.testing.assert_array_equal(first, np.moveaxis(obs, 1, -1))
    for t in range(100):
        obs, reward, terminated, truncated, _ = theirs.step(np.asarray(actions[t], np.int64))
        if t < 70:  # later episodes begin with no-ops that each emulator draws for itself
            np.testing.assert_array_equal(ours["obs"][t], np.moveaxis(obs, 1, -1))
        np.testing.assert_array_equal(ours["reward"][t][:, None], np.reshape(reward, (B, 1)))
        np.testing.assert_array_equal(ours["truncated"][t], truncated)
        np.testing.assert_array_equal(ours["terminated"][t], terminated)


@pytest.mark.slow
def test_the_step_after_an_end_only_begins_the_next_episode():
    env, _ = make("ale:Breakout", max_steps_in_episode=LIMIT)
    _, seen = play(EpisodeStatistics(FrameStack(Flicker(env, 0.0), 2)), jnp.ones((30, B), jnp.int32))
    ends = np.nonzero(seen["truncated"][:, 0])[0]
    np.testing.assert_array_equal(ends, [LIMIT - 1, 2 * LIMIT])
    np.testing.assert_array_equal(np.nonzero(seen["reset_step"][:, 0])[0], ends + 1)
    np.testing.assert_array_equal(seen["episode"]["length"][ends], LIMIT)
    assert seen["episode"]["ended"][ends].all() and not seen["episode"]["ended"][ends + 1].any()
    assert seen["obs"][ends][..., 1].any(), "the last observation of an episode has lost its older frames"
    assert not seen["obs"][ends + 1][..., 1].any(), "a new episode begins with frames of the last one"


@pytest.mark.slow
def test_a_lost_life_ends_the_value_but_not_the_game():
    env, _ = make("ale:Breakout", episodic_life=True)
    _, seen = play(EpisodeStatistics(env), jnp.ones((400, B), jnp.int32))
    lost = seen["terminated"].sum(0)
    games = seen["episode"]["ended"].sum(0)
    assert (games >= 1).all() and (lost >= 5 * games).all()
    np.testing.assert_array_equal(seen["game_over"], seen["episode"]["ended"])


@pytest.mark.parametrize("game", ["pong", "breakout"])
@pytest.mark.slow
def test_our_games_are_seen_in_ale_as_they_are_here(game):
    """An agent that learnt here meets the same rewards and the same pictures there."""
    (ours, _), (theirs, _) = make(game, max_noops=0), simulate(game, max_noops=0)
    assert ours.num_actions == theirs.num_actions
    states = tuple(env.reset(jax.random.key(0))[1] for env in (ours, theirs))

    def step(states, action):
        (a, here, reward, *_), (b, there, expected, *_) = (
            env.step(jax.random.key(0), state, action, None)
            for env, state in zip((ours, theirs), states, strict=True)
        )
        return (here, there), (reward - expected, jnp.abs(a.astype(int) - b.astype(int)).mean())

    actions = jax.random.randint(jax.random.key(1), (150,), 0, ours.num_actions)
    reward, picture = jax.jit(partial(jax.lax.scan, step))(states, actions)[1]
    assert not reward.any()
    assert picture.mean() < 0.02 and picture.max() < 1


def test_other_environments_are_not_simulated_by_ale():
    with pytest.raises(ValueError, match="ALE simulates pong and breakout, not warehouse"):
        simulate("warehouse")


@pytest.mark.slow
def test_steps_that_begin_episodes_are_not_learnt_from_and_memory_is_replayed():
    learner = make_learner(SHORT)
    state = jax.jit(learner.init)(jax.random.key(0))
    _, rollout = jax.jit(learner.collect)(state.params, state.actor, jax.random.key(1))
    valid = np.asarray(rollout.transitions.valid).reshape(16, B)
    np.testing.assert_array_equal(np.nonzero(~valid[:, 0])[0], [LIMIT])
    first = np.asarray(rollout.transitions.first).reshape(16, B)
    np.testing.assert_array_equal(np.nonzero(first[:, 0])[0], [0, LIMIT + 1])
    learn = jax.jit(
        lambda rollout: learner.learn(
            (state.params, state.opt_state), rollout, learner.shuffle(jax.random.key(2)), state.update
        )
    )
    (params, _), metrics = learn(rollout)
    assert metrics["ratio_deviation"] < 1e-5
    transitions = rollout.transitions
    other_action = jnp.where(transitions.valid, transitions.action, (transitions.action + 1) % 4)
    changed = rollout.replace(transitions=transitions.replace(action=other_action))
    jax.tree.map(np.testing.assert_array_equal, params, learn(changed)[0][0])
    everything = rollout.replace(transitions=transitions.replace(valid=jnp.ones_like(transitions.valid)))
    policy = lambda p: p["params"]["heads"]["policy"]["kernel"]  # noqa: E731
    assert not np.array_equal(policy(params), policy(learn(everything)[0][0])), "the mask does nothing"


@pytest.mark.slow
def test_a_stored_run_goes_on_with_new_games():
    learner = make_learner(SHORT)
    jax.eval_shape(learner.init, jax.random.key(0))  # as resuming does, to know what to read
    state = jax.jit(learner.init)(jax.random.key(0))
    dangling = dataclasses.replace(state.actor.env_state.env_state, handle=jnp.zeros((B, 8), jnp.uint8))
    stored = state.replace(
        actor=state.actor.replace(env_state=state.actor.env_state.replace(env_state=dangling)),
        update=jnp.int32(1),
    )
    restarted = jax.jit(learner.restart)(stored)
    assert restarted.actor.env_state.env_state.handle.any() and restarted.actor.first.all()
    after, _ = jax.jit(learner.update)(restarted)
    assert after.update == 2


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("ale:Brakout", {}, "ALE has no game 'Brakout'; it has breakout"),
        ("ale:Pong", {"max_noops": -1}, "max_noops must be a whole number from 0"),
        ("ale:Pong", {"episodic_life": 1}, "episodic_life must be true or false"),
        ("ale:Pong", {"speed": 2}, "there is no 'speed'"),
    ],
)
def test_what_ale_cannot_play_is_refused(name, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(name, **arguments)


def test_names_are_ales_own_or_in_capitals():
    assert make("ale:MsPacman")[0].name == make("ale:ms_pacman")[0].name == "ale:ms_pacman"


@pytest.mark.parametrize("change", [{"num_seeds": 2}, {"ppo": dataclasses.replace(SHORT.ppo, burn_in=3)}])
def test_what_emulators_cannot_do_is_refused(change):
    with pytest.raises(ConfigError, match="played outside of JAX"):
        make_learner(dataclasses.replace(SHORT, **change))
