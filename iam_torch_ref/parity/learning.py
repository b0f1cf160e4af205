"""Whole runs: the same rollouts learnt from by both sides, and the same agent played by both."""

import dataclasses
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from iam_jax.build import make_actor, make_learner
from iam_jax.config import Config, network
from iam_jax.config import PPOConfig as JaxPPOConfig
from iam_jax.models.actor_critic import watch
from iam_jax.play import episode_returns as jax_episode_returns
from iam_jax.presets import preset
from iam_torch_ref import bridge
from iam_torch_ref.config import PPOConfig, from_dict
from iam_torch_ref.convert import to_flax
from iam_torch_ref.evaluate import episode_returns as torch_episode_returns
from iam_torch_ref.loss import each
from iam_torch_ref.model import ActorCritic, Carry
from iam_torch_ref.parity.cases import TOLERANCE as TOLERANCES
from iam_torch_ref.parity.cases import difference, precision, to_tensor, to_torch
from iam_torch_ref.update import Returns, Rollout, make_optimiser, schedules, update

UPDATES = 50
TOLERANCE = 1e-9
"""How far apart parameters may be after a run in float64."""
_NETWORK = {
    "fc": (16,),
    "hidden": 8,
    "joint": (12,),
    "d_set_size": 5,
    "heads": 2,
    "attention_units": 6,
}
_LEARNER = JaxPPOConfig(
    num_envs=8, num_steps=16, bptt_length=4, num_epochs=3, num_minibatches=4, entropy=0.05, burn_in=96
)
_PAPER = replace(
    _LEARNER,
    gae_horizon=8,
    learning_rate=2.5e-4,
    learning_rate_end=1e-10,
    clip=0.1,
    clip_end=1e-5,
    clip_value=True,
    normalise_advantage=False,
    max_grad_norm=None,
    bootstrap_truncated=False,
)
_RUN = Config(env="mini-warehouse", total_steps=UPDATES * 8 * 16, ppo=_LEARNER)


def _run(ppo: JaxPPOConfig = _LEARNER, kind: str = "iam", **options: Any) -> Config:
    return replace(_RUN, ppo=ppo, model=network(kind, _NETWORK | options))


def _pushed(kind: str = "iam", **options: Any) -> Config:
    """A run with continuous actions, whose observations and rewards are normalised."""
    ppo = replace(_LEARNER, burn_in=20, normalise_rewards=True)
    run = _run(ppo, kind, d_set="identity", normalise_observations=True, **options)
    return replace(run, env="iam_torch_ref.parity.mass:Mass")


RUNS = {
    "iam-manual-gru": _run(),
    "iam-manual-lstm, paper's learner": _run(_PAPER, cell="lstm", bias=False),
    "iam-static-gru": _run(d_set="static", activation="tanh"),
    "iam-dynamic-lstm": _run(d_set="dynamic", cell="lstm"),
    "rnn-gru, paper's learner": _run(_PAPER, "rnn"),
    "fnn": _run(kind="fnn"),
    "iam, continuous, all normalised": _pushed(),
    "rnn, continuous, squashed": _pushed("rnn", squash_actions=True),
}
"""Whole training runs, most on the mini-warehouse: 50 updates of 3 epochs of 4 minibatches."""


def trajectory(run: Config, *, updates: int = UPDATES) -> tuple[float, float]:
    """Trains in JAX, and in PyTorch on the same rollouts with the same minibatches, in float64.

    Returns:
      How far apart are, at most: values, probabilities and memories recomputed by PyTorch along each
      rollout, and what JAX stored; the parameters at the end.
    """
    with precision("float64"):
        records, initial, final = train(run, updates)
    config = from_dict(PPOConfig, bridge.to_run(run)["ppo"])
    model = to_torch(bridge.model_config(bridge.to_run(run)), initial, "float64", "cpu")
    optimiser = make_optimiser(model, config)
    returns = None
    if config.normalise_rewards:
        returns = Returns.start(config.num_envs, model.heads.value.weight)
    acting = 0.0
    for done, record in enumerate(records):
        rollout = _rollout(record)
        acting = max(acting, _acting(model, rollout, config.bptt_length))
        indices = torch.from_numpy(np.array(record["indices"])).long()
        learnt_from = rollout if returns is None else returns.normalise(rollout, config.gamma)
        update(model, optimiser, learnt_from, indices, schedules(config, done / run.num_updates), config)
        model.watch(rollout.obs)
    return acting, difference(final, to_flax(model.state_dict()))


@dataclasses.dataclass(frozen=True)
class Trained:
    """An agent that has learnt something, and observations [T, N, ...] that it met."""

    run: Config
    params: Any
    obs: Any
    first: np.ndarray


def train_briefly(*, env: str = "mini-warehouse", total_steps: int = 1_000_000) -> Trained:
    """Trains an agent in JAX for some seconds."""
    run = preset(env, "fast", "iam")
    run = replace(run, total_steps=total_steps, ppo=replace(run.ppo, num_envs=1024))
    learner = make_learner(run)
    state = jax.jit(learner.init)(jax.random.key(0))
    state, _ = jax.jit(partial(learner.run, num_updates=run.num_updates))(state)
    return record(run, jax.device_get(state.params))


def record(run: Config, params: Any, *, observations: int = 10_000) -> Trained:
    """An agent with the observations of 100 environments in which it plays."""
    actor, num_envs = make_actor(run), 100
    key_reset, key = jax.random.split(jax.random.key(1))

    def step(state: Any, key: jax.Array) -> tuple[Any, Any]:
        state, transition = actor.act(params, state, key)
        return state, (transition.obs, transition.first)

    @jax.jit
    def play(key: jax.Array) -> Any:
        return jax.lax.scan(step, actor.reset(key_reset, num_envs), jax.random.split(key, steps))[1]

    steps = -(-observations // num_envs)
    return Trained(run, params, *jax.tree.map(np.asarray, play(key)))


def greedy_actions(agent: Trained, dtype: str, device: str = "cpu") -> tuple[int, float]:
    """Both sides on the recorded observations.

    Returns:
      On how many of them the greedy actions differ, and how far apart the outputs of the policy are.
    """
    model = to_torch(_model_config(agent), agent.params, dtype, device)
    num_envs = agent.first.shape[1]
    with precision(dtype):
        jax_model = make_actor(agent.run).model
        params = jax.tree.map(lambda x: jnp.asarray(x, dtype), agent.params)
        carry = jax_model.initial_carry(num_envs)
        outputs = jax.jit(jax_model.apply)(params, carry, agent.obs, agent.first)[1]
        ours = jax.device_get((outputs, jax_model.policy.to_env(jax_model.policy.mode(outputs))))
    with torch.no_grad():
        tensor = partial(to_tensor, dtype=dtype, device=device)
        leaves = tuple(map(tensor, jax.tree.leaves(agent.obs)))
        obs = leaves[0] if len(leaves) == 1 else leaves
        outputs = model(model.initial_carry(num_envs), obs, tensor(agent.first))[1]
        actions = model.policy.to_env(model.policy.mode(outputs))
    theirs = (outputs.cpu().numpy(), actions.cpu().numpy())
    near = np.abs(ours[1] - theirs[1]) <= (0 if ours[1].dtype.kind == "i" else 10 * TOLERANCES[dtype])
    return int((~near).sum()), difference(ours[0], theirs[0])


def returns(agent: Trained, *, episodes: int = 500, seed: int = 7) -> tuple[float, np.ndarray, np.ndarray]:
    """Both sides play greedily in float64 on the same draws of the environment.

    Returns:
      The largest difference between the returns of one episode, and both sides' returns [episodes].
    """
    model = to_torch(_model_config(agent), agent.params, "float64", "cpu")
    with precision("float64"):
        actor = make_actor(agent.run)
        params = jax.tree.map(lambda x: jnp.asarray(x, "float64"), agent.params)
        play = partial(jax_episode_returns, actor=actor, episodes=episodes, greedy=True)
        ours = play(params, jax.random.key(seed))
        env = bridge.VectorEnv(bridge.to_run(agent.run), episodes, jax.random.key(seed))
        theirs = torch_episode_returns(model, env, greedy=True)
    return difference(ours, theirs), ours, theirs


def train(run: Config, updates: int) -> tuple[list[Any], Any, Any]:
    """Every update's rollout and minibatches, and the parameters before and after the run."""
    learner = make_learner(run)
    state = jax.jit(learner.init)(jax.random.key(0))
    params = jax.tree.map(lambda x: x.astype(float), state.params)
    learnt = (params, learner.optimiser.init({"params": params["params"]}))
    returns = jax.tree.map(lambda x: x.astype(float), state.returns)
    collect, shuffle, learn, normalise = (
        jax.jit(f) for f in (learner.collect, learner.shuffle, learner.learn, learner.normalise)
    )
    initial, actor, records = jax.device_get(params), state.actor, []
    for done, key in enumerate(jax.random.split(jax.random.key(1), updates)):
        key_rollout, key_epochs = jax.random.split(key)
        actor, rollout = collect(learnt[0], actor, key_rollout)
        indices = shuffle(key_epochs)
        returns, learnt_from = normalise(returns, rollout)
        (params, opt_state), _ = learn(learnt, learnt_from, indices, jnp.int32(done))
        obs = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), rollout.transitions.obs)
        learnt = (watch(learner.model, params, obs), opt_state)
        records.append(jax.device_get({"rollout": rollout, "indices": indices}))
    return records, initial, jax.device_get(learnt[0])


def _rollout(record: Any) -> Rollout:
    """A rollout of JAX, [C, L, B, ...], as one of PyTorch, [T, B, ...]."""
    carries, transitions = record["rollout"].carries, record["rollout"].transitions
    tensor = partial(to_tensor, dtype="float64", device="cpu")
    names = {field.name for field in dataclasses.fields(Rollout)} - {"carries", "last_value", "obs", "legal"}

    def merged(x: Any) -> torch.Tensor:
        return tensor(x.reshape(-1, *x.shape[2:]))

    in_time = {name: merged(getattr(transitions, name)) for name in names}
    leaves = tuple(map(merged, jax.tree.leaves(transitions.obs)))
    in_time["obs"] = leaves[0] if len(leaves) == 1 else leaves
    in_time["legal"] = None if transitions.legal is None else merged(transitions.legal)
    chunks: list[Carry] = [tuple(tensor(part[c]) for part in carries) for c in range(len(transitions.reward))]
    return Rollout(carries=chunks, last_value=tensor(record["rollout"].last_value), **in_time)


@torch.no_grad()
def _acting(model: ActorCritic, rollout: Rollout, length: int) -> float:
    """Acts again on a rollout's observations, from the memory before its first chunk alone."""
    carry, carries, outputs, values = rollout.carries[0], [], [], []
    for begin in range(0, len(rollout.first), length):
        chunk = slice(begin, begin + length)
        carries.append(carry)
        obs = each(itemgetter(chunk), rollout.obs)
        carry, chunk_outputs, value = model(carry, obs, rollout.first[chunk])
        outputs.append(chunk_outputs)
        values.append(value)
    masked = model.policy.masked(torch.cat(outputs), rollout.legal)
    log_prob = model.policy.log_prob(masked, rollout.action)
    stored = (rollout.carries, rollout.log_prob, rollout.value)
    return difference(stored, (carries, log_prob, torch.cat(values)))


def _model_config(agent: Trained) -> Any:
    return bridge.model_config(bridge.to_run(agent.run))
