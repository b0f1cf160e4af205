"""Acting: one scan that steps every environment and records what the loss needs."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from envs_jax.environment import Environment, Outcome, outcome
from envs_jax.wrappers import EpisodeStatistics
from iam_jax.models.actor_critic import ActorCritic, Output, forward
from iam_jax.ppo.groups import split
from iam_jax.ppo.loss import log_prob_of

FEW = 32
"""`Actor.values_where` picks out at most one of so many environments."""


class ActorState(struct.PyTreeNode):
    """Where every environment stands, B of them.

    Attributes:
      env_state: [B, ...].
      obs: The observation to act on, [B, ...].
      first: Whether ``obs`` begins an episode, bool[B].
      carry: Memory before it reads ``obs``, [B, ...].
    """

    env_state: Any
    obs: jax.Array
    first: jax.Array
    carry: Any


class Transition(struct.PyTreeNode):
    """One step; in a rollout, stacked to [T, B, ...].

    Attributes:
      obs: Observation acted on.
      first: Whether it begins an episode.
      action: int.
      log_prob: Of the action.
      value: Of ``obs``.
      reward: Of the step.
      terminated: The task ended.
      truncated: The time limit ended the episode.
      final_value: Value of the episode's last observation where truncated, else 0.
      valid: Whether there was a choice to learn from; None where there always is. False in steps that only
        begin the next episode (`envs_jax.environment.Environment.late_reset`).
      episode: Return and length of the episode, and whether a whole one ended here.
    """

    obs: jax.Array
    first: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_value: jax.Array
    valid: jax.Array | None
    episode: dict[str, jax.Array]


class Actor:
    """Steps environments with a model's policy.

    Args:
      env: An `envs_jax.Environment`.
      env_params: Its params.
      model: The actor-critic.
      bootstrap_truncated: Compute ``final_value``; else it is 0 and a time limit ends the task.
      clip_reward: Record the sign of each reward; episode statistics keep the rewards themselves.
      num_groups: Blocks of environments that lie on one device each (`--shuffle-groups`).
    """

    def __init__(
        self,
        env: Environment,
        env_params: Any,
        model: ActorCritic,
        bootstrap_truncated: bool,
        clip_reward: bool = False,
        num_groups: int = 1,
    ):
        self.env, self.env_params, self.model = EpisodeStatistics(env), env_params, model
        self.bootstrap_truncated, self.clip_reward = bootstrap_truncated, clip_reward
        self.num_groups = num_groups

    def reset(self, key: jax.Array, num_envs: int, burn_in: int = 0) -> ActorState:
        """Fresh episodes, or with ``burn_in`` some that are up to so many random steps old."""
        key_reset, key_steps, key_ages = jax.random.split(key, 3)
        obs, env_state = jax.vmap(self.env.reset, (0, None))(
            jax.random.split(key_reset, num_envs), self.env_params
        )
        if burn_in:
            ages = jax.random.randint(key_ages, (num_envs,), 0, burn_in)
            obs, env_state = self._random_steps(key_steps, obs, env_state, ages, burn_in)
            env_state = env_state.replace(whole=env_state.episode_length == 0)
        return ActorState(
            env_state=env_state,
            obs=obs,
            first=jnp.ones(num_envs, bool),
            carry=self.model.initial_carry(num_envs),
        )

    def rollout(
        self, params: Any, state: ActorState, key: jax.Array, num_chunks: int, chunk_length: int
    ) -> tuple[ActorState, Any, Transition]:
        """Acts for ``T = num_chunks * chunk_length`` steps.

        Returns:
          The state after them; the carry before each chunk, [num_chunks, B, ...]; and the
          transitions, [num_chunks, chunk_length, B, ...].
        """

        def chunk(state: ActorState, keys: jax.Array) -> tuple[ActorState, tuple[Any, Transition]]:
            after, transitions = jax.lax.scan(lambda state, key: self.act(params, state, key), state, keys)
            return after, (state.carry, transitions)

        keys = jax.random.split(key, (num_chunks, chunk_length))
        state, (carries, transitions) = jax.lax.scan(chunk, state, keys)
        return state, carries, transitions

    def act(
        self, params: Any, state: ActorState, key: jax.Array, *, greedy: bool = False
    ) -> tuple[ActorState, Transition]:
        """One step of every environment, with sampled or the most probable actions."""
        key_action, key_env = jax.random.split(key)
        carry, logits, value = self.apply(params, state.carry, state.obs, state.first)
        action = logits.argmax(-1) if greedy else jax.random.categorical(key_action, logits)
        stepped, episode = self.step(key_env, state.env_state, action)
        final_value = jnp.zeros_like(value)
        if self.bootstrap_truncated:
            # The memory goes on: it has not been reset yet.
            final_value = self.values_where(stepped.truncated, params, carry, stepped.final_obs)
        transition = Transition(
            obs=state.obs,
            first=state.first,
            action=action,
            log_prob=log_prob_of(logits, action),
            value=value,
            reward=jnp.sign(stepped.reward) if self.clip_reward else stepped.reward,
            terminated=stepped.terminated,
            truncated=stepped.truncated,
            final_value=final_value,
            valid=None if stepped.reset_step is None else ~stepped.reset_step,
            episode=episode,
        )
        after = ActorState(env_state=stepped.state, obs=stepped.obs, first=stepped.first, carry=carry)
        return after, transition

    def apply(self, params: Any, carry: Any, obs: jax.Array, first: jax.Array) -> Output:
        """The model on a single step: carry, logits [B, A], value [B]."""
        carry, logits, value = forward(self.model, params, carry, obs[None], first[None])
        return carry, logits[0], value[0]

    def values_where(self, wanted: jax.Array, params: Any, carry: Any, obs: jax.Array) -> jax.Array:
        """Values of the wanted observations, [B], 0 for the others.

        Where some of thousands of environments end in every step, the values of all would cost as much as
        acting: so those of few are picked out, group by group, and all are computed where a group has more.
        """
        num_groups = self.num_groups if len(wanted) % self.num_groups == 0 else 1
        groups = split(wanted, num_groups, 0)
        group_size = groups.shape[1]
        size = -(-group_size // FEW)

        def few() -> jax.Array:
            index = jax.vmap(lambda x: jnp.nonzero(x, size=size, fill_value=group_size)[0])(groups)

            def pick(x: jax.Array) -> jax.Array:
                picked = jax.vmap(lambda x, i: x.at[i].get(mode="clip"))(split(x, num_groups, 0), index)
                return picked.reshape(-1, *x.shape[1:])

            never = jnp.zeros(index.size, bool)
            value = self.apply(params, jax.tree.map(pick, carry), pick(obs), never)[2]
            put = jax.vmap(lambda i, x: jnp.zeros(group_size, x.dtype).at[i].set(x, mode="drop"))
            return put(index, value.reshape(index.shape)).reshape(-1)

        def everything() -> jax.Array:
            return jnp.where(wanted, self.apply(params, carry, obs, jnp.zeros_like(wanted))[2], 0)

        nothing = lambda: jnp.zeros(wanted.shape, jax.eval_shape(everything).dtype)  # noqa: E731
        most = groups.sum(1).max()
        return jax.lax.switch((most > 0).astype(int) + (most > size), (nothing, few, everything))

    def step(self, key: jax.Array, env_state: Any, action: jax.Array) -> tuple[Outcome, dict[str, jax.Array]]:
        """What every environment answers to its action, [B, ...]; and of the episode so far its return and
        length, and whether a whole one ended here.
        """

        def one(key: jax.Array, env_state: Any, action: jax.Array) -> tuple[Outcome, dict[str, jax.Array]]:
            step = self.env.step(key, env_state, action, self.env_params)
            return outcome(self.env, step), step[5]["episode"]

        return jax.vmap(one)(jax.random.split(key, len(action)), env_state, action)

    def _random_steps(
        self, key: jax.Array, obs: Any, env_state: Any, ages: jax.Array, limit: int
    ) -> tuple[Any, Any]:
        num_actions = self.env.action_space(self.env_params).n

        def step(state: tuple[Any, Any], inputs: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            key, time = inputs
            key_action, key_env = jax.random.split(key)
            action = jax.random.randint(key_action, ages.shape, 0, num_actions)
            after, _ = self.step(key_env, state[1], action)
            stepped = (after.obs, after.state)
            young = time < ages
            keep = lambda new, old: jnp.where(  # noqa: E731
                young.reshape(-1, *[1] * (new.ndim - 1)), new, old
            )
            return jax.tree.map(keep, stepped, state), None

        inputs = (jax.random.split(key, limit), jnp.arange(limit))
        return jax.lax.scan(step, (obs, env_state), inputs)[0]
