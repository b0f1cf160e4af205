"""Observations of several parts, several choices at once, and masks: learnt from, stored, and played."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from structured import COLUMNS, Structured

import iam_jax
from envs_jax import spaces
from envs_jax.testing import ContractError, check_env
from envs_jax.wrappers import EpisodeStatistics, Flicker, FrameStack, Observe, PreviousAction, Vector
from iam_jax import ConfigError, IAMConfig
from iam_jax.attention import check_parts
from iam_jax.build import make_learner, model_for

ENV = Structured()
CONFIG = iam_jax.preset(
    "structured",
    total_steps=60_000,
    num_envs=128,
    num_steps=12,
    bptt_length=12,
    minibatch_steps=512,
    num_epochs=2,
    hidden=16,
    fc=(32,),
    joint=(32,),
    entropy=0.02,
    burn_in=5,
    normalise_observations=True,
    eval_episodes=20,
    final_episodes=50,
    num_evaluations=2,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return iam_jax.train(
        CONFIG, env=ENV, run_dir=tmp_path_factory.mktemp("structured") / "run", display=False
    )


@pytest.mark.slow
def test_it_learns(run):
    first, last = run.rows[0]["episode_return"], run.outcome.result.mean
    assert last > 1.5 > first


@pytest.mark.slow
def test_a_stopped_run_goes_on_bitwise_with_its_statistics(run, tmp_path):
    stop = lambda row: row["update"] >= 20  # noqa: E731
    iam_jax.train(CONFIG, env=ENV, run_dir=tmp_path / "run", display=False, callback=stop)
    resumed = iam_jax.resume(tmp_path / "run", env=ENV, display=False)
    ours, theirs = run.agents("last")[0].params, resumed.agents("last")[0].params
    assert float(ours["statistics"]["encoder"]["body_normalise"]["count"]) > 50_000
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.slow
def test_statistics_stand_still_in_evaluation(run):
    agent = run.agents("last")[0]
    before = jax.device_get(agent.params)
    agent.evaluate(10)
    jax.tree.map(np.testing.assert_array_equal, before, jax.device_get(agent.params))


@pytest.mark.slow
def test_the_agent_acts_on_trees_in_numpy_and_never_illegally(run):
    agent = run.agent
    obs, state = jax.vmap(ENV.reset)(jax.random.split(jax.random.key(0), 64))
    carry, first = agent.initial_carry(64), True
    for t in range(6):
        legal = jax.vmap(ENV.legal_actions)(state)
        obs = jax.device_get(obs)
        action, carry = agent.act(obs, carry, first, key=jax.random.key(t), legal=legal)
        assert action.shape == (64, 2) and isinstance(action, np.ndarray)
        assert np.take_along_axis(np.asarray(legal[:, :3]), action[:, :1], 1).all()
        assert np.take_along_axis(np.asarray(legal[:, 3:]), action[:, 1:], 1).all()
        keys = jax.random.split(jax.random.key(t), 64)
        obs, state, *_ = jax.vmap(ENV.step)(keys, state, jnp.asarray(action))
        first = False
    one = jax.tree.map(lambda x: np.asarray(x[0]), obs)
    action, _ = agent.act(one, agent.initial_carry(), True)
    assert action.shape == (2,)


@pytest.mark.slow
def test_no_masked_action_is_taken_in_a_million_steps():
    learner = make_learner(CONFIG.replace(num_envs=1024, total_steps=10**6), given=ENV)
    state = jax.jit(learner.init)(jax.random.key(0))
    collect, learn = jax.jit(learner.collect), jax.jit(learner.learn)
    learnt, actor, steps = (state.params, state.opt_state), state.actor, 0
    for update in range(82):
        actor, rollout = collect(learnt[0], actor, jax.random.key(update))
        if update % 8 == 0:  # other policies, and more time for steps
            learnt, _ = learn(learnt, rollout, learner.shuffle(jax.random.key(update)), jnp.int32(update))
        action, legal = rollout.transitions.action, rollout.transitions.legal
        steps += action[..., 0].size
        assert jnp.take_along_axis(legal[..., :3], action[..., :1], -1).all()
        assert jnp.take_along_axis(legal[..., 3:], action[..., 1:], -1).all()
        assert (~legal).mean() > 0.05, "masks that forbid nothing test nothing"
    assert steps >= 10**6


@pytest.mark.slow
def test_first_minibatch_replays_the_policy_that_acted():
    learner = make_learner(CONFIG, given=ENV)
    state = jax.jit(learner.init)(jax.random.key(0))
    for _ in range(2):  # in the second one statistics are no longer the first ones
        state, metrics = jax.jit(learner.update)(state)
        assert metrics["ratio_deviation"] < 2e-6


def test_a_d_set_is_named_by_part_and_entry():
    model = model_for(IAMConfig(fc=(8,), hidden=4), ENV, ENV.default_params)
    features = 3 * (COLUMNS - 2) * 16
    assert model.config.d_set_indices == (*range(2, 2 + features), 0)
    by_path = IAMConfig(fc=(8,), hidden=4, d_set_indices={"body": [1]})
    assert by_path.d_set_indices == ("body[1]",)
    assert model_for(by_path, ENV, ENV.default_params).config.d_set_indices == (1,)
    for wrong in ("bod[0]", "body[2]", "camera"):
        with pytest.raises(ConfigError, match="The d-set names"):
            model_for(IAMConfig(d_set_indices=(wrong,)), ENV, ENV.default_params)


WRAPPED = {
    "frames": (lambda env: FrameStack(env, 3), ("camera/front", 0)),
    "previous action": (PreviousAction, ("0/camera/front", 0)),
    "blank": (Flicker, ("camera/front", "body[0]")),
    "all": (lambda env: FrameStack(PreviousAction(Flicker(Vector(env))), 2), ("0/camera/front", 0)),
}


@pytest.mark.parametrize("case", WRAPPED)
@pytest.mark.slow
def test_wrappers_work_on_trees_and_keep_the_names_of_the_d_set(case):
    wrap, d_set = WRAPPED[case]
    env = EpisodeStatistics(wrap(ENV))
    check_env(env, env.default_params, num_steps=30)
    assert env.d_set() == d_set
    assert model_for(IAMConfig(fc=(8,), hidden=4), env, env.default_params).config.d_set == "manual"


def test_frames_and_actions_are_where_they_are_said_to_be():
    env = PreviousAction(FrameStack(ENV, 2))
    obs, state = env.reset(jax.random.key(0))
    assert (obs[1] == 0).all() and (obs[0]["body"][2:] == 0).all()
    later, *_ = env.step(jax.random.key(1), state, jnp.array([1, 0]))
    np.testing.assert_array_equal(later[1], [0, 1, 0, 1, 0])
    np.testing.assert_array_equal(later[0]["body"][2:], obs[0]["body"][:2])
    np.testing.assert_array_equal(later[0]["camera"]["front"][..., 1:], obs[0]["camera"]["front"][..., :1])


def test_observe_shows_the_entries_that_are_named():
    env, params = iam_jax.build.make_env(iam_jax.preset("CartPole-v1", env_args=("observe=(0,2)",)))
    whole, _ = iam_jax.build.make_env(iam_jax.preset("CartPole-v1"))
    key = jax.random.key(0)
    assert env.observation_space(params).shape == (2,)
    np.testing.assert_array_equal(env.reset(key, params)[0], whole.reset(key, params)[0][jnp.array([0, 2])])
    for wrong in ("(0,4)", "()", "left"):
        with pytest.raises(ConfigError, match=r"CartPole-v1.*observe must be indices from 0 to 3"):
            iam_jax.build.make_env(iam_jax.preset("CartPole-v1", env_args=(f"observe={wrong}",)))
    with pytest.raises(ValueError, match="observe chooses entries of a vector"):
        Observe(ENV, (0,))


class Stuck(Structured):
    def legal_actions(self, state, params=None):
        return super().legal_actions(state).at[3:].set(state.time < 3)


class Short(Structured):
    def legal_actions(self, state, params=None):
        return super().legal_actions(state)[:4]


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (Stuck, "no action is legal in a state of step 3: allow at least one"),
        (Short, r"legal_actions must be bool\[5\], not bool\[4\]"),
    ],
)
def test_check_env_sees_masks_that_cannot_be(cls, sentence):
    env = cls()
    with pytest.raises(ContractError, match=sentence):
        check_env(env, env.default_params, num_steps=10)


@pytest.mark.parametrize(
    "space", [spaces.Discrete(3), spaces.MultiDiscrete((2, 3)), spaces.Box(-2.0, 1.0, (2, 2))]
)
def test_a_space_encodes_a_value_in_as_many_numbers_as_it_says(space):
    value = space.sample(jax.random.key(0))
    encoded = space.encode(value)
    assert encoded.shape == (sum(space.encoded_sizes),)
    if not isinstance(space, spaces.Box):
        assert encoded.sum() == len(space.encoded_sizes) and set(np.asarray(encoded)) <= {0, 1}


@pytest.mark.slow
def test_the_agent_acts_inside_a_program_of_one_s_own(run):
    agent = run.agent
    obs, _ = ENV.reset(jax.random.key(0))
    act = jax.jit(lambda obs, carry: agent.act(obs, carry, True)[0])
    np.testing.assert_array_equal(
        act(obs, agent.initial_carry()), agent.act(obs, agent.initial_carry(), True)[0]
    )


def test_attention_on_several_parts_is_refused_in_one_sentence():
    model = model_for(IAMConfig(fc=(8,), hidden=4, d_set="dynamic"), ENV, ENV.default_params)
    with pytest.raises(ConfigError, match="pictures observations of one array"):
        check_parts(model)
