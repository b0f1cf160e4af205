"""Episodes of an agent, step by step: what it saw, remembered and did, and what it could not see."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from iam_jax.agent import Agent
from iam_jax.config import ConfigError
from iam_jax.look.probe import Reading, correlations, readings
from iam_jax.look.sight import Sight
from iam_jax.models.actor_critic import inside
from iam_jax.play import draw

LONGEST = 300
"""Steps of an episode that are shown, and of each other environment that is played for readings."""
OTHERS = 64
"""Environments that are played beside the episodes shown, for correlations and readings."""
OTHERS_KEY = 2**20
MOST_UNITS, MOST_READINGS = 256, 32
SIDE = 240
"""Most pixels along a picture of an environment."""


class Episode(NamedTuple):
    """One that is shown, T steps.

    Attributes:
      steps: By name, [T, ...]: "seen" numbers, "memory", "attention" (where there is one), "hidden" (nan
        where there is nothing), "action", "value", "reward" and what `Policy.told` tells.
      pictures: Of the environment, T or none.
      sights: Of the image that the agent sees, T or none.
      cut: Whether it goes on after T.
    """

    steps: dict[str, Any]
    pictures: list[Image.Image]
    sights: list[Image.Image]
    cut: bool


class Record(NamedTuple):
    """All that a page shows of one agent.

    Attributes:
      name: What it is called.
      sight: How its observations are shown.
      hidden_names: Of what it cannot see, V; none where the environment does not say.
      episodes: That are shown.
      readings: Of the hidden variables.
      follows: Correlation of each unit with hidden variables, numbers seen and the time, [H, V + O + 1].
    """

    name: str
    sight: Sight
    hidden_names: list[str]
    episodes: list[Episode]
    readings: list[Reading]
    follows: np.ndarray


def record(agent: Agent, name: str, episodes: int, seed: int) -> Record:
    """Plays ``episodes`` with sampled actions, and others to learn from what the memory tells.

    Two agents of one environment that are given the same seed meet the same draws.

    Raises:
      ConfigError: Something went wrong in an environment outside of JAX.
    """
    sight = Sight(agent)
    step, reset = _step(agent, sight), jax.jit(agent.actor.reset, static_argnums=1)
    key = jax.random.key(seed)
    shown = [_episode(agent, sight, reset, step, jax.random.fold_in(key, i)) for i in range(episodes)]
    if agent.env.single:
        others = {k: v[:, None] for k, v in _joined([episode.steps for episode in shown]).items()}
    else:
        others = _others(agent, reset, step, jax.random.fold_in(key, OTHERS_KEY))
    if agent.env.failure:
        raise ConfigError(agent.env.failure)
    memory, seen, hidden = others["memory"], others["seen"], others["hidden"]
    there = ~np.isnan(hidden)
    time = others["time"][..., None]
    variables = np.concatenate([np.nan_to_num(hidden), seen, time], -1)
    counts = np.concatenate([there, np.ones((*seen.shape[:-1], seen.shape[-1] + 1), bool)], -1)
    return Record(
        name=name,
        sight=sight,
        hidden_names=hidden_names(agent, shown[0].steps["hidden"].shape[-1]),
        episodes=shown,
        readings=readings(memory, seen, np.nan_to_num(hidden), there, MOST_READINGS) if memory.size else [],
        follows=correlations(memory[..., :MOST_UNITS], variables, counts),
    )


def hidden_names(agent: Agent, size: int) -> list[str]:
    """What the hidden variables are called: by the environment, or else by their places in its tree."""
    names = agent.env.hidden_names()
    if names is not None:
        return list(names)
    if not size:
        return []
    _, state = jax.eval_shape(agent.env.reset, jax.random.key(0), agent.actor.env_params)
    found = []
    hidden = jax.eval_shape(agent.env.hidden, state)
    for path, leaf in jax.tree_util.tree_flatten_with_path(hidden)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator="/") or "hidden"
        found += [name + "".join(f"[{i}]" for i in place) for place in np.ndindex(leaf.shape)]
    return found


def _step(agent: Agent, sight: Sight) -> Any:
    """``(params, state, key) -> state after, moment``: what is known of a step, [B, ...]."""
    actor = agent.actor
    policy = actor.model.policy

    def step(params: Any, state: Any, key: jax.Array) -> tuple[Any, dict[str, Any]]:
        key_action, key_env = jax.random.split(key)
        obs = jax.tree.map(lambda x: x[None], state.obs)
        output, found = inside(actor.model, params, state.carry, obs, state.first[None])
        carry, outputs, value = output
        outputs = policy.masked(outputs[0], actor.legal(state.env_state))
        action = policy.sample(key_action, outputs)
        stepped, episode = actor.step(key_env, state.env_state, policy.to_env(action))
        moment = {
            "seen": sight.numbers(state.obs),
            "memory": found["memory"][0] if "memory" in found else _flat(carry, len(action)),
            "hidden": _numbers(jax.vmap(actor.env.hidden)(state.env_state), len(action)),
            "action": policy.to_env(action).reshape(len(action), -1),
            "value": value[0],
            "reward": stepped.reward,
            "ended": episode["ended"],
            "time": state.env_state.episode_length,
            **policy.told(outputs),
        }
        if "attention" in found:
            moment["attention"] = found["attention"][0]
        after = state.replace(env_state=stepped.state, obs=stepped.obs, first=stepped.first, carry=carry)
        return after, moment

    return jax.jit(step)


def _episode(agent: Agent, sight: Sight, reset: Any, step: Any, key: jax.Array) -> Episode:
    key_reset, key = jax.random.split(key)
    state = reset(key_reset, 1)
    moments: list[dict[str, Any]] = []
    pictures, sights = [], []
    for time in range(LONGEST):
        if (picture := draw(agent.actor, state.env_state)) is not None:
            picture.thumbnail((SIDE, SIDE))
            pictures.append(picture)
        if (seen := sight.picture(jax.device_get(state.obs))) is not None:
            seen.thumbnail((SIDE, SIDE))
            sights.append(seen)
        state, moment = step(agent.params, state, jax.random.fold_in(key, time))
        moments.append(jax.tree.map(lambda x: x[0], jax.device_get(moment)))
        if moments[-1]["ended"]:
            break
    return Episode(_stacked(moments), pictures, sights, cut=not moments[-1]["ended"])


def _others(agent: Agent, reset: Any, step: Any, key: jax.Array) -> dict[str, np.ndarray]:
    """Episodes in a row of many environments, [T, N, ...]."""
    key_reset, key = jax.random.split(key)
    state = reset(key_reset, OTHERS)
    moments = []
    for time in range(LONGEST):
        state, moment = step(agent.params, state, jax.random.fold_in(key, time))
        moments.append(jax.device_get({k: moment[k] for k in ("seen", "memory", "hidden", "time")}))
    return _stacked(moments)


def _stacked(moments: list[dict[str, Any]]) -> dict[str, Any]:
    return jax.tree.map(lambda *x: np.stack(x), *moments)


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {k: np.concatenate([part[k] for part in parts]) for k in ("seen", "memory", "hidden", "time")}


def _flat(tree: Any, batch: int) -> jax.Array:
    """A tree of [B, ...] as float32[B, K]."""
    leaves = [leaf.reshape(batch, -1).astype(jnp.float32) for leaf in jax.tree.leaves(tree)]
    return jnp.concatenate([jnp.zeros((batch, 0)), *leaves], axis=-1)


def _numbers(hidden: Any, batch: int) -> jax.Array:
    """As `_flat`; nan where a whole number below 0 says that there is nothing (`Environment.hidden`)."""

    def defined(leaf: jax.Array) -> jax.Array:
        whole = jnp.issubdtype(leaf.dtype, jnp.integer)
        return jnp.where(leaf < 0, jnp.nan, leaf.astype(jnp.float32)) if whole else leaf

    return _flat(jax.tree.map(defined, hidden), batch)
