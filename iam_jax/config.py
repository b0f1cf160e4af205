"""Every choice of a run, as frozen dataclasses. Imports no jax, so that ``--help`` is quick."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The network."""

    architecture: Literal["iam", "rnn", "fnn"] = "iam"
    """Chosen by --model."""
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
    d_set_size: int = 24
    """Outputs of a static d-set."""
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
    bootstrap_truncated: bool = True
    """At a time limit go on with the critic's value; otherwise treat it as the end of the task."""
    burn_in: int = 0
    """Every environment first takes up to so many random steps, so that episodes are out of phase."""
