"""Recurrent PPO in one file, in the manner and with the defaults of purejaxrl's ``ppo_rnn.py``.

Written here to be compared with (`benchmarks.peers`): a network that scans its cell over whole rollouts with
everything inside the scan, minibatches of whole environments that are permuted once per epoch, Adam on every
leaf. Nothing is taken out of a loop that the manner has inside. Time limits end the task, as they do there.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.linen.initializers import constant, orthogonal
from flax.training.train_state import TrainState

NUM_STEPS, UPDATE_EPOCHS, NUM_MINIBATCHES = 128, 4, 4
GAMMA, GAE_LAMBDA, CLIP_EPS, ENT_COEF, VF_COEF = 0.99, 0.95, 0.2, 0.01, 0.5
MAX_GRAD_NORM, LEARNING_RATE, ADAM_EPS = 0.5, 2.5e-4, 1e-5
UNITS = 128


class ScannedRNN(nn.Module):
    """A GRU over a sequence, cleared where an episode begins."""

    @nn.compact
    def __call__(self, carry: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> Any:
        def step(cell: nn.GRUCell, carry: jax.Array, now: tuple[jax.Array, jax.Array]) -> Any:
            x, resets = now
            return cell(jnp.where(resets[:, None], jnp.zeros_like(carry), carry), x)

        scan = nn.scan(step, variable_broadcast="params", split_rngs={"params": False})
        return scan(nn.GRUCell(features=UNITS), carry, inputs)


class ActorCriticRNN(nn.Module):
    """A layer, the memory, and a layer and a head each for policy and value."""

    num_actions: int

    @nn.compact
    def __call__(self, hidden: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> Any:
        obs, dones = inputs

        def dense(x: jax.Array, size: int, scale: float) -> jax.Array:
            return nn.Dense(size, kernel_init=orthogonal(scale), bias_init=constant(0.0))(x)

        embedding = nn.relu(dense(obs, UNITS, np.sqrt(2)))
        hidden, embedding = ScannedRNN()(hidden, (embedding, dones))
        actor = nn.relu(dense(embedding, UNITS, 2))
        critic = nn.relu(dense(embedding, UNITS, 2))
        return hidden, dense(actor, self.num_actions, 0.01), dense(critic, 1, 1.0).squeeze(-1)


class Transition(NamedTuple):
    """One step of all environments."""

    done: jax.Array
    action: jax.Array
    value: jax.Array
    reward: jax.Array
    log_prob: jax.Array
    obs: jax.Array


class Runner(NamedTuple):
    """What goes from one update to the next."""

    train_state: TrainState
    env_state: Any
    obs: jax.Array
    done: jax.Array
    hidden: jax.Array
    key: jax.Array


def make(env: Any, params: Any, num_envs: int) -> Any:
    """``init(key) -> Runner`` and ``update(Runner) -> (Runner, mean reward)`` of an environment.

    Args:
      env: With gymnax 1.0's contract, and discrete actions.
      params: Its params.
      num_envs: Side by side; `NUM_MINIBATCHES` divides it.
    """
    network = ActorCriticRNN(env.action_space(params).n)
    reset, step = jax.vmap(env.reset, (0, None)), jax.vmap(env.step, (0, 0, 0, None))

    def init(key: jax.Array) -> Runner:
        key, key_network, key_reset = jax.random.split(key, 3)
        obs, env_state = reset(jax.random.split(key_reset, num_envs), params)
        hidden, done = jnp.zeros((num_envs, UNITS)), jnp.zeros(num_envs, bool)
        variables = network.init(key_network, hidden, (obs[None], done[None]))
        optimiser = optax.chain(
            optax.clip_by_global_norm(MAX_GRAD_NORM), optax.adam(LEARNING_RATE, eps=ADAM_EPS)
        )
        train_state = TrainState.create(apply_fn=network.apply, params=variables, tx=optimiser)
        return Runner(train_state, env_state, obs, done, hidden, key)

    def act(runner: Runner, _: None) -> tuple[Runner, Transition]:
        key, key_action, key_step = jax.random.split(runner.key, 3)
        now = (runner.obs[None], runner.done[None])
        hidden, logits, value = network.apply(runner.train_state.params, runner.hidden, now)
        action = jax.random.categorical(key_action, logits[0])
        log_prob = _log_prob(logits[0], action)
        obs, env_state, reward, terminated, truncated, _ = step(
            jax.random.split(key_step, num_envs), runner.env_state, action, params
        )
        transition = Transition(runner.done, action, value[0], reward, log_prob, runner.obs)
        done = terminated | truncated
        return Runner(runner.train_state, env_state, obs, done, hidden, key), transition

    def loss(variables: Any, minibatch: Any) -> jax.Array:
        hidden, batch, advantages, targets = minibatch
        _, logits, value = network.apply(variables, hidden[0], (batch.obs, batch.done))
        ratio = jnp.exp(_log_prob(logits, batch.action) - batch.log_prob)
        near = batch.value + (value - batch.value).clip(-CLIP_EPS, CLIP_EPS)
        value_loss = 0.5 * jnp.maximum(jnp.square(value - targets), jnp.square(near - targets)).mean()
        gae = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        actor_loss = -jnp.minimum(ratio * gae, ratio.clip(1 - CLIP_EPS, 1 + CLIP_EPS) * gae).mean()
        entropy = -(jax.nn.softmax(logits) * jax.nn.log_softmax(logits)).sum(-1).mean()
        return actor_loss + VF_COEF * value_loss - ENT_COEF * entropy

    def epoch(carry: Any, _: None) -> Any:
        train_state, rollout, key = carry
        key, key_order = jax.random.split(key)
        order = jax.random.permutation(key_order, num_envs)
        shuffled = jax.tree.map(lambda x: jnp.take(x, order, axis=1), rollout)
        minibatches = jax.tree.map(
            lambda x: jnp.swapaxes(x.reshape(x.shape[0], NUM_MINIBATCHES, -1, *x.shape[2:]), 0, 1), shuffled
        )

        def minibatch(train_state: TrainState, batch: Any) -> Any:
            value, grads = jax.value_and_grad(loss)(train_state.params, batch)
            return train_state.apply_gradients(grads=grads), value

        train_state, losses = jax.lax.scan(minibatch, train_state, minibatches)
        return (train_state, rollout, key), losses

    def update(runner: Runner) -> tuple[Runner, jax.Array]:
        before = runner.hidden
        runner, batch = jax.lax.scan(act, runner, None, NUM_STEPS)
        now = (runner.obs[None], runner.done[None])
        last_value = network.apply(runner.train_state.params, runner.hidden, now)[2][0]
        advantages = _advantages(batch, last_value, runner.done)
        rollout = (before[None], batch, advantages, advantages + batch.value)
        carry = (runner.train_state, rollout, runner.key)
        (train_state, _, key), _ = jax.lax.scan(epoch, carry, None, UPDATE_EPOCHS)
        return runner._replace(train_state=train_state, key=key), batch.reward.mean()

    return init, update


def _log_prob(logits: jax.Array, action: jax.Array) -> jax.Array:
    return jnp.take_along_axis(jax.nn.log_softmax(logits), action[..., None], axis=-1)[..., 0]


def _advantages(batch: Transition, last_value: jax.Array, last_done: jax.Array) -> jax.Array:
    """Generalised advantage estimates (Schulman et al. 2016), from the last step to the first."""

    def step(later: Any, now: Transition) -> Any:
        gae, next_value, next_done = later
        delta = now.reward + GAMMA * next_value * (1 - next_done) - now.value
        gae = delta + GAMMA * GAE_LAMBDA * (1 - next_done) * gae
        return (gae, now.value, now.done), gae

    start = (jnp.zeros_like(last_value), last_value, last_done)
    return jax.lax.scan(step, start, batch, reverse=True, unroll=16)[1]
