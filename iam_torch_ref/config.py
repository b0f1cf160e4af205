"""The numbers of a model and of its learner; the names are those in a run's ``config.json``."""

import dataclasses
import math
from typing import Any, Literal


class ConfigError(ValueError):
    """A choice that cannot work; the message says what to change."""


@dataclasses.dataclass(frozen=True)
class Actions:
    """An action space.

    Attributes:
      kind: One of n (discrete), one of ``sizes[i]`` for each i (multi-discrete), or numbers (continuous).
      sizes: Of a multi-discrete one.
      shape: Of continuous actions.
      low: Least value of continuous actions.
      high: Their greatest value.
      squash: They are brought between both by tanh, rather than clipped.
    """

    kind: Literal["discrete", "multi-discrete", "continuous"] = "discrete"
    sizes: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    squash: bool = False


@dataclasses.dataclass(frozen=True)
class Part:
    """One array of an observation.

    Attributes:
      name: The path to it, such as ``camera/left``; empty of an observation that is one array.
      encoder: How it is read: as a vector, or by convolutions.
      shape: Its shape.
      one_hot: Of integers, how many values each has, which are shown one-hot; empty of other numbers.
      normalise: Whether running statistics bring it to zero mean and unit variance.
    """

    name: str = ""
    encoder: Literal["vector", "atari", "board"] = "vector"
    shape: tuple[int, ...] = ()
    one_hot: tuple[int, ...] = ()
    normalise: bool = False


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model with all its shapes.

    Attributes:
      obs_shape: Of one observation: (Y, X, C) of an image, or anything that makes O variables.
      num_actions: A, outputs of the policy head.
      actions: What they mean; None for one of A.
      parts: The arrays of an observation; empty where it is one array of ``obs_shape``, read by ``encoder``.
      architecture: Influence-aware memory, or one of its two baselines.
      encoder: Before everything: none (vector), or convolutions.
      fc: Feedforward layers: beside the memory (iam), before it (rnn), or alone (fnn).
      cell: Recurrent cell of iam and rnn; see `iam_torch_ref.model` and `iam_torch_ref.recurrences`.
      hidden: H, units of the cell.
      layers: Cells on top of each other.
      window: K, steps that a gtrxl sees.
      joint: Layers behind everything, shared by policy and value.
      d_set: What iam's memory reads.
      d_set_indices: Indices of a manual d-set.
      d_set_boxes: Boxes of a manual d-set on a feature map: row, column, height, width.
      d_set_size: Outputs of a static d-set; on a feature map for every region.
      heads: Attention heads of a dynamic d-set.
      attention_units: Units per head.
      activation: Behind every feedforward layer.
      init: Of fresh kernels.
      bias: Biases in feedforward layers and policy head; cells and value head always have one.
      forget_bias: Constant added in the forget gate of an lstm.
    """

    obs_shape: tuple[int, ...]
    num_actions: int
    actions: Actions | None = None
    parts: tuple[Part, ...] = ()
    architecture: Literal["iam", "rnn", "fnn"] = "iam"
    encoder: Literal["vector", "atari", "board"] = "vector"
    fc: tuple[int, ...] = (256,)
    cell: str = "gru"
    hidden: int = 64
    layers: int = 1
    window: int = 32
    joint: tuple[int, ...] = ()
    d_set: Literal["manual", "static", "dynamic", "identity"] = "manual"
    d_set_indices: tuple[int, ...] | None = None
    d_set_boxes: tuple[tuple[int, int, int, int], ...] | None = None
    d_set_size: int = 24
    heads: int = 1
    attention_units: int = 128
    activation: Literal["relu", "tanh"] = "relu"
    init: Literal["orthogonal", "glorot"] = "orthogonal"
    bias: bool = True
    forget_bias: float = 1.0

    def __post_init__(self) -> None:
        # What was stored as JSON comes back as dicts.
        if isinstance(self.actions, dict):
            object.__setattr__(self, "actions", from_dict(Actions, self.actions))
        parts = tuple(from_dict(Part, part) if isinstance(part, dict) else part for part in self.parts)
        object.__setattr__(self, "parts", parts or (Part(encoder=self.encoder, shape=self.obs_shape),))


@dataclasses.dataclass(frozen=True)
class PPOConfig:
    """The learner. Every ``x``, ``x_end`` pair is a linear schedule over the run.

    Attributes:
      normalise_rewards: Divide rewards by the running deviation of discounted returns.
      num_envs: B, environments stepped together.
      num_steps: T, steps of each in one rollout.
      bptt_length: L, length of the sequences that gradients flow through.
      num_epochs: Passes over each rollout.
      num_minibatches: Parts of a rollout, one gradient step each.
      gae_horizon: Cut advantages, with bootstrap, every so many steps.
      bootstrap_truncated: At a time limit go on with the critic's value.
    """

    num_envs: int = 8
    num_steps: int = 128
    bptt_length: int = 8
    num_epochs: int = 3
    num_minibatches: int = 4
    gamma: float = 0.99
    gae_lambda: float = 0.95
    gae_horizon: int | None = None
    learning_rate: float = 2.5e-4
    learning_rate_end: float = 0.0
    clip: float = 0.1
    clip_end: float = 0.1
    entropy: float = 0.01
    entropy_end: float = 0.01
    value_coefficient: float = 0.5
    clip_value: bool = False
    normalise_advantage: bool = True
    max_grad_norm: float | None = 0.5
    adam_eps: float = 1e-8
    bootstrap_truncated: bool = True
    normalise_rewards: bool = False


def from_dict(cls: Any, values: dict[str, Any], **more: Any) -> Any:
    """A config from the entries of ``values`` that it knows, and ``more``."""
    names = {field.name for field in dataclasses.fields(cls)}
    known = {name: values[name] for name in names & set(values)} | more
    return cls(**{name: _tuples(x) for name, x in known.items()})


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, inner ones too."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
