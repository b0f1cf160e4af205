"""Recurrent PPO: a rollout, its advantages, epochs of minibatches, in pure functions."""

import copy
from functools import partial
from typing import Any, Self

import jax
import jax.numpy as jnp
import optax
from flax import struct

from envs_jax.environment import Environment
from iam_jax.config import PPOConfig, PPOShape
from iam_jax.models.actor_critic import ActorCritic, watch
from iam_jax.ppo.gae import gae
from iam_jax.ppo.groups import pick
from iam_jax.ppo.loss import Batch, ppo_loss
from iam_jax.ppo.metrics import Metrics, episode_metrics, value_metrics
from iam_jax.ppo.numbers import PPONumbers
from iam_jax.ppo.returns import Returns
from iam_jax.ppo.rollout import Actor, ActorState, Transition

RESTART_STREAM = 0x72657374
"""Folded into the key for new episodes. Large, because ``fold_in(key, i) == split(key)[i]``."""


class TrainState(struct.PyTreeNode):
    """Everything that a run which never stopped would know.

    Attributes:
      params: The model's variables: what it learns, and its running statistics if it has any.
      opt_state: Of Adam.
      actor: Environments, observations and memories.
      key: Source of all further randomness.
      update: Updates done, int32[].
      returns: What rewards are normalised by; None where they are not.
    """

    params: Any
    opt_state: optax.OptState
    actor: ActorState
    key: jax.Array
    update: jax.Array
    returns: Returns | None = None


class Rollout(struct.PyTreeNode):
    """What one update learns from: C chunks of L steps of B environments.

    Attributes:
      carries: Memory before each chunk, [C, B, ...].
      transitions: [C, L, B, ...].
      last_value: Value of the observation behind the rollout, float[B].
    """

    carries: Any
    transitions: Transition
    last_value: jax.Array


class Learner:
    """PPO on one environment and model.

    Args:
      env: An `envs_jax.Environment`.
      env_params: Its params.
      model: The actor-critic; see `iam_jax.model_for`.
      config: The learner's numbers; see `iam_jax.checks.check` for what must divide what.
      num_updates: Length of the run, which the schedules span.
    """

    def __init__(
        self, env: Environment, env_params: Any, model: ActorCritic, config: PPOConfig, num_updates: int
    ):
        self.model, self.num_updates = model, num_updates
        self.config: PPOShape = config
        self.numbers = PPONumbers.of(config)
        self.actor = Actor(
            env, env_params, model, config.bootstrap_truncated, config.clip_reward, config.shuffle_groups
        )

    @property
    def optimiser(self) -> optax.GradientTransformation:
        """Clipping and Adam without a learning rate, which follows a schedule of its own."""
        return make_optimiser(self.numbers)

    def at(self, numbers: PPONumbers | None = None, env_params: Any = None) -> Self:
        """The same with other numbers, of the learner or of its environment; they may be traced."""
        other = copy.copy(self)
        if numbers is not None:
            other.numbers = numbers
        if env_params is not None:
            other.actor = self.actor.at(env_params)
        return other

    def init(self, key: jax.Array) -> TrainState:
        """Fresh parameters and environments."""
        key_params, key_actor, key = jax.random.split(key, 3)
        actor = self.actor.reset(key_actor, self.config.num_envs, self.config.burn_in)
        obs, first = jax.tree.map(lambda x: x[None], (actor.obs, actor.first))
        params = self.model.init(key_params, actor.carry, obs, first)
        return TrainState(
            params=params,
            opt_state=self.optimiser.init(_learnt(params)),
            actor=actor,
            key=key,
            update=jnp.int32(0),
            returns=Returns.start(self.config.num_envs) if self.config.normalise_rewards else None,
        )

    def restart(self, state: TrainState) -> TrainState:
        """The state with new episodes, where those under way could not be stored."""
        key = jax.random.fold_in(state.key, RESTART_STREAM)
        returns = state.returns
        if returns is not None:
            returns = returns.replace(running=jnp.zeros_like(returns.running))
        return state.replace(actor=self.actor.reset(key, self.config.num_envs), returns=returns)

    def run(self, state: TrainState, num_updates: int) -> tuple[TrainState, Metrics]:
        """Scans ``num_updates`` updates; metrics are stacked, one row per update."""
        return jax.lax.scan(lambda state, _: self.update(state), state, length=num_updates)

    def run_some(self, state: TrainState, num_updates: jax.Array, most: int) -> tuple[TrainState, Metrics]:
        """As `run`, with a number of updates that is known only when the program runs, int32[].

        Returns:
          The state, and metrics of ``most`` rows of which the first ``num_updates`` are filled.
        """
        update = jax.jit(self.update, inline=True)  # traced once, for its shapes and for the loop
        shapes = jax.eval_shape(update, state)[1]
        empty = jax.tree.map(lambda x: jnp.zeros((most, *x.shape), x.dtype), shapes)

        def one(i: jax.Array, loop: tuple[TrainState, Metrics]) -> tuple[TrainState, Metrics]:
            state, metrics = update(loop[0])
            return state, jax.tree.map(lambda rows, row: rows.at[i].set(row), loop[1], metrics)

        return jax.lax.fori_loop(0, num_updates, one, (state, empty))

    def update(self, state: TrainState, numbers: PPONumbers | None = None) -> tuple[TrainState, Metrics]:
        """One rollout and the gradient steps on it.

        Args:
          state: What `init` or this function returned.
          numbers: Instead of the config's own; they may be traced, and `jax.vmap` over them trains one run
            for each.
        """
        if numbers is not None:
            return self.at(numbers).update(state)
        key_rollout, key_epochs, key = jax.random.split(state.key, 3)
        actor, rollout = self.collect(state.params, state.actor, key_rollout)
        returns, learnt_from = self.normalise(state.returns, rollout)
        indices = self.shuffle(key_epochs)
        (params, opt_state), metrics = self.learn(
            (state.params, state.opt_state), learnt_from, indices, state.update
        )
        # After learning: within an update, whoever acts and whoever learns see an observation alike.
        params = watch(self.model, params, _merged(rollout.transitions.obs))
        metrics |= episode_metrics(rollout.transitions)
        state = TrainState(
            params=params,
            opt_state=opt_state,
            actor=actor,
            key=key,
            update=state.update + 1,
            returns=returns,
        )
        return state, metrics

    def collect(self, params: Any, actor: ActorState, key: jax.Array) -> tuple[ActorState, Rollout]:
        """Acts for ``num_steps`` steps, in chunks of ``bptt_length``."""
        config = self.config
        num_chunks = config.num_steps // config.bptt_length
        actor, carries, transitions = self.actor.rollout(params, actor, key, num_chunks, config.bptt_length)
        _, _, last_value = self.actor.apply(params, actor.carry, actor.obs, actor.first)
        return actor, Rollout(carries=carries, transitions=transitions, last_value=last_value)

    def normalise(self, returns: Returns | None, rollout: Rollout) -> tuple[Returns | None, Rollout]:
        """The rollout with the rewards that are learnt from, and what they are normalised by afterwards."""
        if returns is None:
            return None, rollout
        returns, reward = returns.normalise(rollout.transitions, self.numbers.gamma)
        return returns, rollout.replace(transitions=rollout.transitions.replace(reward=reward))

    def shuffle(self, key: jax.Array) -> jax.Array:
        """Sequences of every minibatch of every epoch, int32[epochs, minibatches, sequences].

        Each of the ``shuffle_groups`` blocks of environments is shuffled by itself, and gives every minibatch
        as many sequences as the others, in the order of the blocks.
        """
        config, num_groups = self.config, self.config.shuffle_groups
        num_chunks, group_size = config.num_steps // config.bptt_length, config.num_envs // num_groups
        keys = jax.random.split(key, (config.num_epochs, num_groups))
        permutation = jax.vmap(jax.vmap(jax.random.permutation, (0, None)), (0, None))
        chunk, env = jnp.divmod(permutation(keys, num_chunks * group_size), group_size)
        env += group_size * jnp.arange(num_groups)[:, None]
        order = (chunk * config.num_envs + env).reshape(config.num_epochs, num_groups, config.minibatches, -1)
        return order.swapaxes(1, 2).reshape(config.num_epochs, config.minibatches, -1)

    def learn(
        self, learnt: tuple[Any, optax.OptState], rollout: Rollout, indices: jax.Array, update: jax.Array
    ) -> tuple[tuple[Any, optax.OptState], Metrics]:
        """The gradient steps of one update.

        Args:
          learnt: The model's variables and optimiser state.
          rollout: What `collect` returned.
          indices: What `shuffle` returned, or any minibatches of sequences: chunk c of environment b
            is sequence ``c * B + b``. With several ``shuffle_groups``, equally many of each, in their order.
          update: Updates done before, int32[]; the schedules depend on it.

        Returns:
          Parameters and optimiser state after it, and metrics.
        """
        batch = self._batch(rollout)
        rates = self._schedules(update)
        step = partial(self._gradient_step, batch=batch, rates=rates)
        epoch = partial(jax.lax.scan, step)
        learnt, losses = jax.lax.scan(epoch, learnt, indices)
        return learnt, {
            **{name: x.mean() for name, x in losses.items()},
            "ratio_deviation": losses["ratio_deviation"][0, 0],
            **value_metrics(batch),
            **rates,
            "params_norm": optax.global_norm(_learnt(learnt[0])),
        }

    def _schedules(self, update: jax.Array) -> Metrics:
        done = jnp.asarray(update, float) / self.num_updates
        numbers = self.numbers
        linear = lambda start, end: start + (end - start) * done  # noqa: E731
        return {
            "learning_rate": linear(numbers.learning_rate, numbers.learning_rate_end),
            "clip": linear(numbers.clip, numbers.clip_end),
            "entropy_coefficient": linear(numbers.entropy, numbers.entropy_end),
        }

    def _batch(self, rollout: Rollout) -> Batch:
        """What the loss reads, as it lies in the rollout, [C, L, B, ...]; carries [C, B, ...]."""
        config, transitions = self.config, rollout.transitions
        in_time = _merged(transitions.replace(obs=None, episode=None))
        advantage = gae(
            reward=in_time.reward,
            value=in_time.value,
            last_value=rollout.last_value,
            final_value=in_time.final_value,
            terminated=in_time.terminated,
            truncated=in_time.truncated,
            gamma=self.numbers.gamma,
            gae_lambda=self.numbers.gae_lambda,
            horizon=config.gae_horizon,
        )
        return Batch(
            carry=rollout.carries,
            obs=transitions.obs,
            first=transitions.first,
            legal=transitions.legal,
            action=transitions.action,
            log_prob=transitions.log_prob,
            value=transitions.value,
            advantage=advantage.reshape(transitions.value.shape),
            valid=transitions.valid,
        )

    def _gradient_step(
        self, state: Any, indices: jax.Array, *, batch: Batch, rates: Metrics
    ) -> tuple[Any, Metrics]:
        params, opt_state = state

        def loss(learnt: Any) -> tuple[jax.Array, Metrics]:
            return ppo_loss(
                {**params, **learnt},
                self.model,
                pick(batch, indices, self.config.shuffle_groups),
                clip=rates["clip"],
                entropy_coefficient=rates["entropy_coefficient"],
                value_coefficient=self.numbers.value_coefficient,
                clip_value=self.config.clip_value,
                normalise_advantage=self.config.normalise_advantage,
                num_groups=self.config.shuffle_groups,
            )

        learnt = _learnt(params)
        grads, metrics = jax.grad(loss, has_aux=True)(learnt)
        metrics["grad_norm"] = optax.global_norm(grads)
        updates, opt_state = self.optimiser.update(grads, opt_state, learnt)
        learnt = jax.tree.map(lambda p, u: p - rates["learning_rate"] * u, learnt, updates)
        return ({**params, **learnt}, opt_state), metrics


def _learnt(params: Any) -> Any:
    """What the optimiser changes of a model's variables: all but its running statistics."""
    return {"params": params["params"]}


def _merged(tree: Any) -> Any:
    """[C, L, B, ...] -> [C * L, B, ...]."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), tree)


def make_optimiser(numbers: PPONumbers) -> optax.GradientTransformation:
    """Clipping and Adam without a learning rate, which follows a schedule of its own."""
    clip = optax.identity()
    if numbers.max_grad_norm is not None:
        clip = optax.clip_by_global_norm(numbers.max_grad_norm)
    return optax.chain(clip, optax.scale_by_adam(eps=numbers.adam_eps))
