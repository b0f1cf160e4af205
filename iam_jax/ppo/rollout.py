"""Acting: one scan that steps every environment and records what the loss needs."""

import copy
from typing import Any, Self

import jax
import jax.numpy as jnp
from flax import struct

from envs_jax.environment import Environment, Outcome, outcome
from envs_jax.wrappers import EpisodeStatistics
from iam_jax.models.actor_critic import ActorCritic, Output, forward
from iam_jax.ppo.groups import split

FEW = 32
"""`Actor.values_where` picks out at most one of so many environments."""


class ActorState(struct.PyTreeNode):
    """Where every environment stands, B of them.

    Attributes:
      env_state: [B, ...].
      obs: The observation to act on, a tree of [B, ...].
      first: Whether ``obs`` begins an episode, bool[B].
      carry: Memory before it reads ``obs``, [B, ...].
    """

    env_state: Any
    obs: Any
    first: jax.Array
    carry: Any


class Transition(struct.PyTreeNode):
    """One step; in a rollout, stacked to [T, B, ...].

    Attributes:
      obs: Observation acted on, a tree.
      first: Whether it begins an episode.
      legal: What the policy could choose, bool[..., A]; None where that is everything.
      action: Of the policy; see `iam_jax.models.policies.Policy.to_env`.
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

    obs: Any
    first: jax.Array
    legal: jax.Array | None
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

    def at(self, env_params: Any) -> Self:
        """The same with other numbers of the environment; they may be traced."""
        other = copy.copy(self)
        other.env_params = env_params
        return other

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
        policy, legal = self.model.policy, self.legal(state.env_state)
        carry, outputs, value = self.apply(params, state.carry, state.obs, state.first)
        outputs = policy.masked(outputs, legal)
        action = policy.mode(outputs) if greedy else policy.sample(key_action, outputs)
        stepped, episode = self.step(key_env, state.env_state, policy.to_env(action))
        final_value = jnp.zeros_like(value)
        if self.bootstrap_truncated:
            # The memory goes on: it has not been reset yet.
            final_value = self.values_where(stepped.truncated, params, carry, stepped.final_obs)
        transition = Transition(
            obs=state.obs,
            first=state.first,
            legal=legal,
            action=action,
            log_prob=policy.log_prob(outputs, action),
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

    def legal(self, env_state: Any) -> jax.Array | None:
        """What each environment allows, bool[B, A]; None where it allows everything."""
        return jax.vmap(self.env.legal_actions, (0, None))(env_state, self.env_params)

    def apply(self, params: Any, carry: Any, obs: Any, first: jax.Array) -> Output:
        """The model on a single step: carry, outputs [B, K], value [B]."""
        sequence = jax.tree.map(lambda x: x[None], obs)
        carry, outputs, value = forward(self.model, params, carry, sequence, first[None])
        return carry, outputs[0], value[0]

    def values_where(self, wanted: jax.Array, params: Any, carry: Any, obs: Any) -> jax.Array:
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
            carry_of_few, obs_of_few = jax.tree.map(pick, (carry, obs))
            value = self.apply(params, carry_of_few, obs_of_few, never)[2]
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
        policy = self.model.policy

        def step(state: tuple[Any, Any], inputs: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            key, time = inputs
            key_action, key_env = jax.random.split(key)
            action = policy.random(key_action, len(ages), self.legal(state[1]))
            after, _ = self.step(key_env, state[1], policy.to_env(action))
            stepped = (after.obs, after.state)
            young = time < ages
            keep = lambda new, old: jnp.where(  # noqa: E731
                young.reshape(-1, *[1] * (new.ndim - 1)), new, old
            )
            return jax.tree.map(keep, stepped, state), None

        inputs = (jax.random.split(key, limit), jnp.arange(limit))
        return jax.lax.scan(step, (obs, env_state), inputs)[0]
