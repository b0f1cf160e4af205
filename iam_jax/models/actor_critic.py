"""Actor-critics with one interface: influence-aware memory and its two baselines, or a network of one's own.

Each is called as ``(carry, obs[T, B, ...], first[T, B]) -> (carry, outputs[T, B, K], value[T, B])`` and
begins with ``initial_carry(B)``. T = time, B = environments, K = numbers that its ``policy`` reads (of n
discrete actions, their logits). Observations may be trees.
"""

from typing import Any

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer

from iam_jax.config import FNNConfig, IAMConfig, ModelConfig, RNNConfig
from iam_jax.models import d_set
from iam_jax.models.dense import Dense
from iam_jax.models.encoders import MLP, as_vector
from iam_jax.models.kernels import ACTIVATIONS, KERNELS, orthogonal, product_dtype
from iam_jax.models.memory import Memory
from iam_jax.models.normalise import STATISTICS
from iam_jax.models.observations import Part, encoder_for
from iam_jax.models.policies import Policy
from iam_jax.models.recurrences.base import Carry
from iam_jax.models.recurrences.make import make_recurrence
from iam_jax.models.selectors import make_selector

Output = tuple[Carry, jax.Array, jax.Array]


class Heads(nn.Module):
    """Optional joint layers, then one linear head for the policy and one for the value."""

    config: ModelConfig
    policy: Policy

    @nn.compact
    def __call__(self, features: jax.Array) -> tuple[jax.Array, jax.Array]:
        features = _mlp(self.config, self.config.joint, "joint")(features)
        policy = Dense(
            self.policy.num_outputs,
            use_bias=self.config.bias,
            kernel_init=_policy_init(self.config),
            name="policy",
        )
        value = Dense(1, kernel_init=KERNELS[self.config.init][1], name="value")
        outputs, values = policy(features), value(features)[..., 0]
        if self.policy.num_free:
            log_std = self.param("log_std", nn.initializers.zeros, (self.policy.num_free,))
            free = jnp.broadcast_to(log_std, (*outputs.shape[:-1], self.policy.num_free))
            outputs = jnp.concatenate([outputs, free.astype(outputs.dtype)], axis=-1)
        return outputs, values


class Network(nn.Module):
    """What all have in common. A network of one's own derives from it, with an `initial_carry` and the call.

    Attributes:
      config: Its sizes and choices.
      policy: Says how many numbers it reads; `Heads` makes them.
      parts: Of the observation; `encoder_for` makes what joins them.
    """

    config: Any
    policy: Policy
    parts: tuple[Part, ...]

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        """The memory of nothing: a tuple of zeros, [B, ...] each; empty without a memory."""
        raise NotImplementedError(f"{type(self).__name__} must define initial_carry(batch)")

    def __call__(self, carry: Carry, obs: Any, first: jax.Array) -> Output:
        """See this module's own text; ``first[t]`` clears the memory before step t."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(carry, obs, first)")

    def watch(self, obs: Any) -> None:
        """Takes observations into the running statistics, where those are mutable."""
        self.encoder(obs)


class FNN(Network):
    """Feedforward baseline: ``pi, V`` from ``F_fnn(o_t)``. Its carry is empty."""

    config: FNNConfig

    def setup(self) -> None:
        self.encoder = encoder_for(self.config, self.parts)
        self.fc = _mlp(self.config, self.config.fc)
        self.heads = Heads(self.config, self.policy)

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        return ()

    def __call__(self, carry: Carry, obs: Any, first: jax.Array) -> Output:
        return carry, *self.heads(self.fc(as_vector(self.encoder(obs))))


class RNN(Network):
    """Recurrent baseline: MLP, cell, heads in a row. Without MLP layers the cell reads ``o_t``."""

    config: RNNConfig

    def setup(self) -> None:
        self.encoder = encoder_for(self.config, self.parts)
        self.fc = _mlp(self.config, self.config.fc)
        self.memory = Memory(make_recurrence(self.config), d_set.Identity(), self.config.remat)
        self.heads = Heads(self.config, self.policy)

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        return make_recurrence(self.config).initial_carry(batch)

    def __call__(self, carry: Carry, obs: Any, first: jax.Array) -> Output:
        carry, memory = self.memory(carry, self.fc(as_vector(self.encoder(obs))), first)
        return carry, *self.heads(memory)


class IAM(Network):
    """Influence-aware memory (Suau et al. 2022, Section 4).

    ``x_t = F_fnn(o_t)``, ``d_t = F_rnn(d_{t-1}, D(o_t))``, then ``pi, V`` from ``[x_t, d_t]``. Of an image
    alone, o_t is the feature map that both paths share; of several parts, the vector that joins them.
    """

    config: IAMConfig

    def setup(self) -> None:
        self.encoder = encoder_for(self.config, self.parts)
        self.fc = _mlp(self.config, self.config.fc)
        self.memory = Memory(make_recurrence(self.config), make_selector(self.config), self.config.remat)
        self.heads = Heads(self.config, self.policy)

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        return make_recurrence(self.config).initial_carry(batch)

    def __call__(self, carry: Carry, obs: Any, first: jax.Array) -> Output:
        features = self.encoder(obs)
        carry, memory = self.memory(carry, features, first)
        return carry, *self.heads(jnp.concatenate([self.fc(as_vector(features)), memory], axis=-1))


ActorCritic = Network


def forward(model: ActorCritic, params: Any, carry: Carry, obs: Any, first: jax.Array) -> Output:
    """The model on a sequence: carry after it, outputs of the policy [T, B, K], value [T, B].

    Raises:
      AssertionError: ``obs`` [T, B, ...] and ``first`` bool[T, B] do not fit together.
    """
    chex.assert_rank(first, 2)
    chex.assert_equal_shape_prefix([*jax.tree.leaves(obs), first], 2)
    chex.assert_type(first, bool)
    output: Any = model.apply(params, carry, obs, first)
    return output


def count_parameters(params: Any) -> int:
    """How many numbers a model learns; of several seeds, all of theirs."""
    return sum(x.size for x in jax.tree.leaves(params["params"]))


def watch(model: ActorCritic, params: Any, obs: Any) -> Any:
    """The model's variables after it has taken observations, [T, B, ...], into its running statistics."""
    if STATISTICS not in params:
        return params
    _, changed = model.apply(params, obs, method="watch", mutable=[STATISTICS])
    return {**params, **changed}


def attend(
    model: ActorCritic, params: Any, carry: Carry, obs: Any, first: jax.Array
) -> tuple[Output, jax.Array]:
    """`forward` with a dynamic d-set, and the weights of its attention, [T, B, heads, R]."""
    output, kept = model.apply(params, carry, obs, first, mutable="intermediates")
    return output, kept["intermediates"]["memory"]["selector"]["attention"][0]


def inside(
    model: ActorCritic, params: Any, carry: Carry, obs: Any, first: jax.Array
) -> tuple[Output, dict[str, jax.Array]]:
    """`forward`, and what the network computes on the way.

    Returns:
      The output; and of these what the network has: "memory", what its memory puts out, float[T, B, H];
      "features" of the layers beside or before it, float[T, B, F]; and "attention" of a dynamic d-set, its
      weights [T, B, heads, R].
    """

    def wanted(module: nn.Module, method: str) -> bool:
        return isinstance(module, Memory) or (isinstance(module, MLP) and module.name == "fc")

    output, kept = model.apply(
        params, carry, obs, first, mutable="intermediates", capture_intermediates=wanted
    )
    found, memory = {}, kept["intermediates"].get("memory", {})
    if "__call__" in memory:
        found["memory"] = memory["__call__"][0][1]
    if "fc" in kept["intermediates"]:
        found["features"] = kept["intermediates"]["fc"]["__call__"][0]
    if "attention" in memory.get("selector", {}):
        found["attention"] = memory["selector"]["attention"][0]
    return output, found


def _mlp(config: ModelConfig, sizes: tuple[int, ...], name: str | None = None) -> MLP:
    kernel_init, activation = KERNELS[config.init][0], ACTIVATIONS[config.activation]
    return MLP(sizes, activation, kernel_init, config.bias, product_dtype(config), name=name)


def _policy_init(config: ModelConfig) -> Initializer:
    if config.init == "orthogonal":
        return orthogonal(0.01)
    return nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
