"""What the search learns from: many histories of an environment under a stated policy."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from envs_jax.environment import Environment
from iam_jax.config import ConfigError, FNNConfig
from iam_jax.models.encoders import CONVOLUTIONS
from iam_jax.models.observations import Encoder, Part, parts_of
from iam_jax.models.policies import policy_for
from iam_jax.ppo.rollout import Actor

FEW = 16
"""A whole number that is hidden and takes at most so many values is predicted one-hot."""
CUT = 10.0
"""In standard deviations, where inputs and what is predicted are cut."""
Act = Callable[[jax.Array, Any, Any, Any, jax.Array], tuple[Any, jax.Array]]
"""``(key, env_state, carry, obs, first) -> carry, action``: one step of the policy, of all environments."""


class Variable(NamedTuple):
    """An entry of the observation.

    Attributes:
      name: As ``--d-set-indices`` takes it: a place of the joined vector, or a part and its entry.
      places: Its places in the joined vector; several where it is shown one-hot.
    """

    name: str
    places: tuple[int, ...]


class Histories(NamedTuple):
    """N histories of T steps, standardised.

    Attributes:
      obs: What is seen, float32[T, N, O].
      first: Whether an episode begins, bool[T, N].
      given: What else the prediction may know, float32[T, N, G]: the action, where the future is predicted.
      target: What is predicted, float32[T, N, K], each of mean 0 and variance 1.
    """

    obs: np.ndarray
    first: np.ndarray
    given: np.ndarray
    target: np.ndarray

    def of(self, index: Any) -> "Histories":
        """Some of the N."""
        return Histories(*(x[:, index] for x in self))


def variables_of(parts: tuple[Part, ...]) -> tuple[Variable, ...]:
    """Every entry of an observation of these parts.

    Raises:
      ConfigError: A part is a picture.
    """
    found, begin = [], 0
    for part in parts:
        if part.encoder in CONVOLUTIONS:
            raise ConfigError(
                f"{part.name or 'The observation'} is a picture, whose pixels are no variables: choose "
                "--d-set-boxes by hand, or read it as a vector with --encoder vector."
            )
        for i, size in enumerate(part.sizes):
            places = tuple(range(begin, begin + size))
            # Without a name, an entry that is one-hot goes by all its places.
            name = f"{part.name}[{i}]" if part.name else " ".join(map(str, places))
            found.append(Variable(name, places))
            begin += size
    return tuple(found)


def collect(
    env: Environment, params: Any, *, policy: str, agent: Any, encoder: str, num: int, steps: int, seed: int
) -> tuple[Histories, tuple[Variable, ...], str]:
    """Plays, and says what was predicted from what.

    Args:
      env: Inside its wrappers.
      params: Its params.
      policy: "random", or one of the environment's reference policies; unless there is an ``agent``.
      agent: An `iam_jax.Agent` that plays, or None.
      encoder: As of a network's ``encoder``: "auto", or "vector" to read small pictures entry by entry.
      num: N.
      steps: T.
      seed: Of everything that is drawn.

    Returns:
      The histories, the variables, and in words what is predicted.

    Raises:
      ConfigError: An observation cannot be read by entries, or there is no such policy.
    """
    try:
        parts = parts_of(FNNConfig(encoder=encoder), env.observation_space(params))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    variables = variables_of(parts)
    actor = agent.actor if agent is not None else Actor(env, params, _Nobody(), bootstrap_truncated=False)  # type: ignore[arg-type]
    act = _act(actor, policy, agent)
    read = Encoder(FNNConfig(encoder=encoder), parts)
    actions = env.action_space(params)

    def step(loop: Any, key: jax.Array) -> Any:
        state, carry = loop
        key_action, key_env = jax.random.split(key)
        carry, action = act(key_action, state.env_state, carry, state.obs, state.first)
        hidden = jax.vmap(actor.env.hidden)(state.env_state)
        after, _ = actor.step(key_env, state.env_state, action)
        encoded = jax.vmap(actions.encode)(action)
        seen = (state.obs, state.first, encoded, hidden, after.final_obs, after.reward)
        return (state.replace(env_state=after.state, obs=after.obs, first=after.first), carry), seen

    @jax.jit
    def play(key: jax.Array) -> Any:
        key_reset, key = jax.random.split(key)
        start = actor.reset(key_reset, num)
        obs, first, action, hidden, then, reward = jax.lax.scan(
            step, (start, start.carry), jax.random.split(key, steps)
        )[1]
        return read.apply({}, obs), first, action, hidden, read.apply({}, then), reward

    obs, first, action, hidden, then, reward = jax.device_get(play(jax.random.key(seed)))
    if hidden is not None:
        target, given, what = columns(hidden), np.zeros((*first.shape, 0), np.float32), "what is hidden"
    else:
        target = np.concatenate([then, reward[..., None]], -1)
        given, what = action.reshape(*first.shape, -1), "the next observation and reward"
    target = standardised(target)
    if not target.shape[-1]:
        raise ConfigError(f"Nothing varies in {what}: there is nothing to predict, so no d-set to find.")
    keep = standardised(obs, drop=False)
    return Histories(keep, first, given.astype(np.float32), target), variables, what


class _Nobody:
    """In place of a model: nobody who remembers."""

    def initial_carry(self, batch: int) -> tuple[()]:
        return ()


def _act(actor: Actor, policy: str, agent: Any) -> Act:
    """One step of the policy that plays."""
    if agent is not None:

        def as_agent(key: jax.Array, env_state: Any, carry: Any, obs: Any, first: jax.Array) -> Any:
            carry, outputs, _ = actor.apply(agent.params, carry, obs, first)
            chosen = actor.model.policy
            outputs = chosen.masked(outputs, actor.legal(env_state))
            return carry, chosen.to_env(chosen.sample(key, outputs))

        return as_agent
    if policy == "random":
        chosen = policy_for(actor.env.action_space(actor.env_params))

        def at_random(key: jax.Array, env_state: Any, carry: Any, obs: Any, first: jax.Array) -> Any:
            return carry, chosen.to_env(chosen.random(key, len(first), actor.legal(env_state)))

        return at_random
    known = actor.env.policies()
    if policy not in known:
        raise ConfigError(f"--policy must be one of {', '.join(['random', *known])}, not {policy!r}.")

    def as_reference(key: jax.Array, env_state: Any, carry: Any, obs: Any, first: jax.Array) -> Any:
        keys = jax.random.split(key, len(first))
        return carry, jax.vmap(known[policy], (0, 0, None))(keys, env_state, actor.env_params)

    return as_reference


def columns(tree: Any) -> np.ndarray:
    """A tree of arrays [T, N, ...] as numbers float32[T, N, K]; whole numbers with few values one-hot."""
    found = []
    for leaf in jax.tree.leaves(tree):
        flat = np.asarray(leaf).reshape(*leaf.shape[:2], -1)
        if np.issubdtype(flat.dtype, np.floating):
            found.append(flat)
            continue
        values = np.unique(flat)
        if len(values) > FEW:
            found.append(flat)
        else:
            found.append((flat[..., None] == values).reshape(*flat.shape[:2], -1))
    return np.concatenate([np.asarray(x, np.float32) for x in found], -1)


def standardised(x: np.ndarray, drop: bool = True) -> np.ndarray:
    """Columns of mean 0 and variance 1, cut at `CUT`; those that never vary are dropped, or all 0."""
    mean, deviation = x.mean((0, 1)), x.std((0, 1))
    varies = deviation > 1e-6
    if drop:
        x, mean, deviation = x[..., varies], mean[varies], deviation[varies]
    else:
        deviation = np.where(varies, deviation, 1)
    return np.clip((x - mean) / deviation, -CUT, CUT).astype(np.float32)
