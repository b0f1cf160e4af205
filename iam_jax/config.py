"""Every choice of a run, as frozen dataclasses. Imports no jax, so that ``--help`` is quick."""

import dataclasses
import json
from pathlib import Path
from typing import Any, Literal

import tyro

from envs_jax.registry import parse_arguments


class ConfigError(ValueError):
    """A choice that cannot work; the message says what to change."""


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The network."""

    architecture: tyro.conf.Suppress[Literal["iam", "rnn", "fnn"]] = "iam"
    """Set by the preset of `Config.model`."""
    encoder: Literal["auto", "vector", "atari", "board"] = "auto"
    """Before everything: none, or convolutions for 84x84 or 10x10 images; auto follows the observation."""
    fc: tuple[int, ...] = (256,)
    """Feedforward layers: beside the memory (iam), before it (rnn), or alone (fnn)."""
    cell: Literal["gru", "lstm"] = "gru"
    """Recurrent cell of iam and rnn."""
    hidden: int = 64
    """Units of the recurrent cell."""
    joint: tuple[int, ...] = ()
    """Layers behind everything, shared by policy and value. The paper has none."""
    d_set: Literal["manual", "static", "dynamic", "identity"] = "manual"
    """What iam's memory reads: given indices, a learned linear map, attention, or everything."""
    d_set_indices: tuple[int, ...] | None = None
    """Indices of a manual d-set; the environment's published ones if not given."""
    d_set_boxes: tuple[tuple[int, int, int, int], ...] | None = None
    """Boxes of a manual d-set on the feature map of images: row, column, height, width of each."""
    d_set_size: int = 24
    """Outputs of a static d-set; on a feature map for every region."""
    heads: int = 1
    """Attention heads of a dynamic d-set."""
    attention_units: int = 128
    """Units per attention head."""
    activation: Literal["relu", "tanh"] = "relu"
    """Behind every feedforward layer."""
    init: Literal["orthogonal", "glorot"] = "orthogonal"
    """Kernels: orthogonal (gain sqrt 2 before an activation) or Glorot-uniform."""
    bias: bool = True
    """Biases in feedforward layers and policy head; cells and value head always have one."""
    forget_bias: float = 1.0
    """Constant added in the forget gate of an lstm."""
    remat: bool = False
    """Compute convolutions and attention again for the gradient, step by step, where memory is short."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the factors of matrix products. Parameters, gates, logits and values are float32 in any case."""


@dataclasses.dataclass(frozen=True)
class PPOConfig:
    """The learner (Schulman et al. 2017, with memory). Every ``x``, ``x_end`` pair is a linear schedule."""

    num_envs: int = 4096
    """Environments stepped together."""
    num_steps: int = 8
    """Steps of each environment in one rollout."""
    bptt_length: int = 8
    """Length of the sequences that gradients flow through; divides num_steps."""
    num_epochs: int = 4
    """Passes over each rollout."""
    num_minibatches: int = 16
    """Parts of a rollout, one gradient step each; divides num_envs * num_steps / bptt_length."""
    shuffle_groups: int = 1
    """Minibatches take equally many sequences from each of so many blocks of environments, and devices that
    hold whole blocks need not exchange observations; divides num_envs."""
    gamma: float = 0.92
    """Discount."""
    gae_lambda: float = 0.6
    """Trace decay of the advantage estimator."""
    gae_horizon: int | None = None
    """Cut advantages, with bootstrap, every so many steps; divides num_steps."""
    learning_rate: float = 2e-3
    learning_rate_end: float = 0.0
    clip: float = 0.2
    """Clip range of the probability ratio and, with clip_value, of the value."""
    clip_end: float = 0.2
    entropy: float = 0.05
    """Weight of the entropy bonus."""
    entropy_end: float = 0.0
    value_coefficient: float = 0.5
    """Weight of the squared value error (which has no factor 1/2)."""
    clip_value: bool = False
    """Take the larger of the clipped and unclipped value errors."""
    normalise_advantage: bool = True
    """Zero mean and unit variance in each minibatch."""
    max_grad_norm: float | None = 0.5
    """Clip the gradient's global norm."""
    adam_eps: float = 1e-8
    clip_reward: bool = False
    """Learn from the sign of each reward. Reported returns are the environment's own."""
    bootstrap_truncated: bool = True
    """At a time limit go on with the critic's value; otherwise treat it as the end of the task."""
    burn_in: int = 0
    """Every environment first takes up to so many random steps, so that episodes are out of phase."""


@dataclasses.dataclass(frozen=True)
class OutputConfig:
    """What is written, and when. None of it changes the parameters that a run ends with."""

    run_dir: str | None = None
    """Folder of the run; by default runs/ENV-PRESET-MODEL-seedN, numbered if that exists."""
    resume: str | None = None
    """Go on with the run in this folder, bitwise, with the options it began with."""
    num_evaluations: int = 20
    """Evaluations spread over the run, on environments of their own."""
    eval_episodes: int = 256
    """Episodes of each."""
    final_episodes: int = 1000
    """Episodes of the final evaluation."""
    checkpoint_interval: float = 60.0
    """Seconds between checkpoints: the most that a kill can lose."""
    tensorboard: bool = False
    """Also write TensorBoard events (extra: tensorboard)."""
    wandb: str | None = None
    """Also log to this Weights & Biases project (extra: wandb)."""


@dataclasses.dataclass(frozen=True)
class HardwareConfig:
    """What computes, from this start on: a run may go on elsewhere. Results differ by rounding alone."""

    devices: int | None = None
    """Devices that share the seeds if they divide them, or else the environments. By default 1."""
    coordinator: str | None = None
    """Several processes with the same options meet at HOST:PORT, of process 0; auto under SLURM and on TPU
    pods."""
    num_processes: int | None = None
    """How many meet there; --devices is then all that they have."""
    process_id: int | None = None
    """Which of them this one is, from 0. The first one prints and writes."""


@dataclasses.dataclass(frozen=True)
class Config:
    """The run."""

    env: str = "warehouse"
    """Environment: warehouse, mini-warehouse, traffic, redbluedoors-8x8, memory-s7, doorkey-8x8, pong,
    breakout; games of MinAtar (minatar-breakout) and ALE (ale:Breakout); gymnax's own (CartPole-v1)."""
    preset: Literal["fast", "best", "paper"] = "fast"
    """Defaults of every other option: thousands of environments, the longest training, or the paper's."""
    model: Literal["iam", "rnn", "fnn", "fnn-stack"] = "iam"
    """Influence-aware memory; recurrent; feedforward; feedforward on the last frames."""
    env_args: tuple[str, ...] = ()
    """Arguments of the environment as NAME=VALUE, such as size=11 lifetime=12."""
    frame_stack: int = 1
    """The observation is the last N frames, newest first."""
    flicker: float = 0.0
    """Chance that an observation is blanked."""
    previous_action: bool = False
    """Append the last action, one-hot, to the observation. The paper does not."""
    total_steps: int = 10_000_000
    """Environment steps of the run, over all its environments; rounded up to whole calls of some updates."""
    seed: int = 0
    num_seeds: int = 1
    """Independent runs with seeds seed, seed + 1, ..., trained together."""
    network: ModelConfig = ModelConfig()
    ppo: PPOConfig = PPOConfig()
    output: OutputConfig = OutputConfig()
    hardware: HardwareConfig = HardwareConfig()

    @property
    def steps_per_update(self) -> int:
        return self.ppo.num_envs * self.ppo.num_steps

    @property
    def updates_per_call(self) -> int:
        """Updates between two looks of the host, about 200 looks in a run."""
        return max(1, self._least_updates // 200)

    @property
    def num_updates(self) -> int:
        return -(-self._least_updates // self.updates_per_call) * self.updates_per_call

    @property
    def _least_updates(self) -> int:
        return -(-self.total_steps // self.steps_per_update)

    def env_arguments(self) -> dict[str, Any]:
        """``env_args`` as keyword arguments."""
        try:
            return parse_arguments(self.env_args)
        except ValueError as error:
            raise ConfigError(f"--env-args: {error}") from error

    def to_json(self) -> str:
        """All of it but the hardware, which is of one start and not of the run."""
        values = dataclasses.asdict(self)
        del values["hardware"]
        return json.dumps(values, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """The config that `to_json` wrote.

        Raises:
          ConfigError: The text is not one, or of another version.
        """
        try:
            return _from_dict(cls, json.loads(text))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"The config.json is damaged or of another version: {error}.") from error

    @classmethod
    def load(cls, run_dir: str | Path) -> "Config":
        """The config of a run.

        Raises:
          ConfigError: The folder holds no run.
        """
        file = Path(run_dir) / "config.json"
        if not file.is_file():
            raise ConfigError(f"{run_dir} is not the folder of a run: it has no config.json.")
        return cls.from_json(file.read_text())


def differences(ours: Config, theirs: Config) -> list[str]:
    """Options in which two runs differ, apart from output and hardware, as ``--name value (was value)``."""
    found = []
    for (name, new), (_, old) in zip(leaves(ours), leaves(theirs), strict=True):
        if new != old and not name.startswith(("output.", "hardware.")):
            found.append(f"--{flag(name.split('.')[-1])} {new} (was {old})")
    return found


def leaves(config: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted name and value of every option."""
    found = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            found += leaves(value, f"{prefix}{field.name}.")
        else:
            found.append((prefix + field.name, value))
    return found


def _from_dict(cls: Any, values: Any) -> Any:
    names = {field.name for field in dataclasses.fields(cls)}
    # An older one lacks newer options, which then have their defaults.
    if not isinstance(values, dict) or not values or not set(values) <= names:
        raise ValueError(f"it should have {', '.join(sorted(names))}")
    sections: dict[str, Any] = {
        "network": ModelConfig,
        "ppo": PPOConfig,
        "output": OutputConfig,
        "hardware": HardwareConfig,
    }
    known = {}
    for name, value in values.items():
        if cls is Config and name in sections:
            value = _from_dict(sections[name], value)
        known[name] = _tuples(value)
    return cls(**known)


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, inner ones too."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def flag(name: str) -> str:
    """An option as it is typed, without the dashes before it."""
    return name.replace("_", "-")
