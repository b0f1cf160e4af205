"""What the command lines need of the JAX packages: environments, checkpoints, presets.

Nothing that computes the model or its update is imported from them.
"""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import Tensor

from envs_jax.spaces import Box
from iam_jax import stored
from iam_jax.agent import load
from iam_jax.build import make_actor, make_env, make_learner, model_for
from iam_jax.checkpoint import Checkpoints, Progress
from iam_jax.checks import check
from iam_jax.config import Config
from iam_jax.config import ConfigError as JaxConfigError
from iam_jax.learners import Learners
from iam_jax.models.policies import Gaussian, MultiCategorical
from iam_jax.presets import preset
from iam_torch_ref.config import Actions, ConfigError, ModelConfig, Part, from_dict
from iam_torch_ref.maps import Observation


@contextmanager
def _own_errors() -> Iterator[None]:
    try:
        yield
    except JaxConfigError as error:
        raise ConfigError(str(error)) from error


class Step(NamedTuple):
    """What B environments answer to their actions.

    Attributes:
      obs: The next observation to act on, after an episode's end that of the next one, [B, ...].
      final_obs: The same, but after an episode's end its last one, [B, ...].
      reward: float32[B].
      terminated: bool[B].
      truncated: bool[B].
      ended: Whether an episode seen from its beginning ended, bool[B].
      episode_return: Its undiscounted return, float32[B].
      legal: What may be done next, bool[B, A]; None where that is everything.
    """

    obs: Observation
    final_obs: Observation
    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    ended: Tensor
    episode_return: Tensor
    legal: Tensor | None


class VectorEnv:
    """B compiled environments behind torch tensors, with the wrappers of a run.

    Keys are split as `iam_jax.play.begin` and `play_on` split them, so that with one seed both sides
    meet the same draws.

    Args:
      run: Config of the run.
      num_envs: B.
      key: Source of all randomness.
      burn_in: Every environment first takes up to so many random steps.
    """

    def __init__(self, run: dict[str, Any], num_envs: int, key: jax.Array, burn_in: int = 0):
        actor = make_actor(to_config(run))
        key_reset, self._key = jax.random.split(key)
        start = jax.jit(actor.reset, static_argnums=(1, 2))(key_reset, num_envs, burn_in)
        self._state, self.obs, self.num_envs = start.env_state, _parts(start.obs), num_envs
        self._step, self._legal = jax.jit(actor.step), jax.jit(actor.legal)
        self.legal = self._now_legal()

    def step(self, action: Tensor) -> Step:
        key_step, self._key = jax.random.split(self._key)
        _, key_env = jax.random.split(key_step)
        after, episode = self._step(key_env, self._state, action.cpu().numpy())
        self._state = after.state
        self.legal = self._now_legal()
        arrays = (after.reward, after.terminated, after.truncated, episode["ended"], episode["return"])
        reward, terminated, truncated, ended, episode_return = map(_tensor, arrays)
        return Step(
            obs=_parts(after.obs),
            final_obs=_parts(after.final_obs),
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            ended=ended,
            episode_return=episode_return,
            legal=self.legal,
        )

    def _now_legal(self) -> Tensor | None:
        legal = self._legal(self._state)
        return None if legal is None else _tensor(legal)


@_own_errors()
def read_run(folder: str, which: str, seed: int | None) -> tuple[dict[str, Any], ModelConfig, dict[str, Any]]:
    """Parameters of a checkpoint, the model they belong to, and the run's config.

    Raises:
      ConfigError: There is no such run, checkpoint or seed.
    """
    agent = load(folder, which, seed=seed)  # type: ignore[arg-type]  # argparse knows the choices
    run = to_run(agent.config.replace(seed=agent.seed, num_seeds=1))
    return jax.tree.map(np.asarray, agent.params), model_config(run), run


@_own_errors()
def write_run(folder: str, params: dict[str, Any], run: dict[str, Any]) -> None:
    """A new run whose only checkpoint holds these parameters, fresh environments and no updates.

    Raises:
      ConfigError: The folder exists.
    """
    if Path(folder).exists():
        raise ConfigError(f"{folder} exists; give the folder of a new run.")
    config = to_config(run)
    state = Learners(make_learner(config), config).init()
    same = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), params, state.params)
    Path(folder).mkdir(parents=True)
    stored.save(config, Path(folder))
    Checkpoints(folder).save(state.replace(params=same), Progress(update=0))


@_own_errors()
def run_config(env: str, name: str, model: str, **changes: Any) -> dict[str, Any]:
    """Config of a preset with changes to any of its options.

    Raises:
      ConfigError: A choice cannot work.
    """
    config = preset(env, name, model, **changes)
    check(config)
    return to_run(config)


@_own_errors()
def model_config(run: dict[str, Any]) -> ModelConfig:
    """The model of a run with all its shapes.

    Raises:
      ConfigError: The environment is unknown, or the d-set does not fit it.
    """
    config = to_config(run)
    env, params = make_env(config)
    return of_model(model_for(config.model, env, params))


def of_model(model: Any) -> ModelConfig:
    """The same model here.

    Raises:
      ConfigError: It has a class of the user's own, of which there is none here.
    """
    network, policy = model.config, model.policy
    if network.own:
        raise ConfigError(f"The PyTorch reference has no class {' or '.join(network.own.values())}.")
    parts = tuple(
        Part(
            name=part.name,
            encoder=part.encoder,
            shape=tuple(part.space.shape),
            one_hot=() if isinstance(part.space, Box) else part.space.encoded_sizes,
            normalise=part.is_measured and network.normalise_observations,
        )
        for part in model.parts
    )
    if isinstance(policy, Gaussian):
        actions = Actions(
            "continuous", shape=policy.shape, low=policy.low, high=policy.high, squash=policy.squash
        )
    elif isinstance(policy, MultiCategorical):
        actions = Actions("multi-discrete", sizes=policy.sizes)
    else:
        actions = Actions()
    return from_dict(
        ModelConfig,
        dataclasses.asdict(network),
        architecture=network.kind,
        num_actions=policy.num_outputs,
        actions=actions,
        obs_shape=parts[0].shape if len(parts) == 1 else (),
        parts=parts,
    )


@_own_errors()
def to_config(run: dict[str, Any]) -> Config:
    """The config that a run's dictionary stands for.

    Raises:
      ConfigError: It is of another version.
    """
    return stored.from_json(json.dumps(run))


def to_run(config: Config) -> dict[str, Any]:
    """A config as the dictionary that is kept beside weights, as in ``config.json``.

    The number of minibatches is in it, though it may follow from the batch: PyTorch's learner is told it.
    """
    ppo = dataclasses.replace(config.ppo, num_minibatches=config.ppo.minibatches)
    return stored.to_dict(dataclasses.replace(config, ppo=ppo))


def _tensor(x: Any) -> Tensor:
    return torch.from_numpy(np.array(x))  # a copy: torch wants to own what it may write to


def _parts(obs: Any) -> Observation:
    """An observation of one array, or a tree of several as a tuple."""
    leaves = tuple(map(_tensor, jax.tree.leaves(obs)))
    return leaves[0] if len(leaves) == 1 else leaves
