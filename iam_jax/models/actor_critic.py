"""Actor-critics with one interface: influence-aware memory and its two baselines.

Each is called as ``(carry, obs[T, B, ...], first[T, B]) -> (carry, outputs[T, B, K], value[T, B])`` and
begins with ``initial_carry(B)``. T = time, B = environments, K = numbers that its ``policy`` reads (of n
discrete actions, their logits). Observations may be trees.
"""

import dataclasses
from typing import Any

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer

from envs_jax import spaces
from iam_jax.config import FNNConfig, IAMConfig, ModelConfig, RecurrentConfig, RNNConfig
from iam_jax.models import d_set, d_set_maps
from iam_jax.models.d_set_maps import Box
from iam_jax.models.dense import Dense
from iam_jax.models.encoders import CONVOLUTIONS, MLP, Convolutions, as_vector, map_size
from iam_jax.models.kernels import ACTIVATIONS, KERNELS, orthogonal, product_dtype
from iam_jax.models.memory import Memory
from iam_jax.models.normalise import STATISTICS, Normalise
from iam_jax.models.observations import Name, Part, parts_of, places
from iam_jax.models.policies import Policy, policy_for
from iam_jax.models.recurrences.base import Carry, Stepwise
from iam_jax.models.recurrences.make import make_recurrence

Output = tuple[Carry, jax.Array, jax.Array]


class Heads(nn.Module):
    """Optional joint layers, then one linear head for the policy and one for the value."""

    config: ModelConfig
    policy: Policy

    @nn.compact
    def __call__(self, features: jax.Array) -> tuple[jax.Array, jax.Array]:
        features = _mlp(self.config, self.config.joint, "joint")(features)
        features = features.astype(jnp.promote_types(features.dtype, jnp.float32))
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


class Encoder(nn.Module):
    """Observations [T, B, ...] as vectors [T, B, O] or, of one image alone, as a feature map [T, B, Y, X, F].

    The parts of a tuple or dict are encoded each by itself, flattened and joined.
    """

    config: ModelConfig
    parts: tuple[Part, ...]

    @nn.compact
    def __call__(self, obs: Any) -> jax.Array:
        leaves = jax.tree.leaves(obs)
        if len(self.parts) == 1:
            return self._encode(self.parts[0], leaves[0])
        encoded = [self._encode(part, leaf) for part, leaf in zip(self.parts, leaves, strict=True)]
        return jnp.concatenate([as_vector(x) for x in encoded], axis=-1)

    def _encode(self, part: Part, obs: jax.Array) -> jax.Array:
        before = f"{part.name.replace('/', '_')}_" if part.name else ""
        if part.encoder != "vector":
            layers, kernel_init = CONVOLUTIONS[part.encoder], KERNELS[self.config.init][0]
            convolutions = Convolutions(
                layers, kernel_init, product_dtype(self.config), name=f"{before}convolutions"
            )
            return _in_steps(convolutions, obs) if self.config.remat else convolutions(obs)
        if not isinstance(part.space, spaces.Box):
            return jax.vmap(jax.vmap(part.space.encode))(obs)
        if part.is_measured and self.config.normalise_observations:
            return Normalise(name=f"{before}normalise")(as_vector(obs))
        return as_vector(obs)


class Network(nn.Module):
    """What the three have in common."""

    config: Any
    policy: Policy
    parts: tuple[Part, ...]

    def watch(self, obs: Any) -> None:
        """Takes observations into the running statistics, where those are mutable."""
        self.encoder(obs)


class FNN(Network):
    """Feedforward baseline: ``pi, V`` from ``F_fnn(o_t)``. Its carry is empty."""

    config: FNNConfig

    def setup(self) -> None:
        self.encoder = Encoder(self.config, self.parts)
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
        self.encoder = Encoder(self.config, self.parts)
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
        self.encoder = Encoder(self.config, self.parts)
        self.fc = _mlp(self.config, self.config.fc)
        self.memory = Memory(make_recurrence(self.config), _selector(self.config), self.config.remat)
        self.heads = Heads(self.config, self.policy)

    @nn.nowrap
    def initial_carry(self, batch: int) -> Carry:
        return make_recurrence(self.config).initial_carry(batch)

    def __call__(self, carry: Carry, obs: Any, first: jax.Array) -> Output:
        features = self.encoder(obs)
        carry, memory = self.memory(carry, features, first)
        return carry, *self.heads(jnp.concatenate([self.fc(as_vector(features)), memory], axis=-1))


ActorCritic = FNN | RNN | IAM
MODELS: dict[type, Any] = {FNNConfig: FNN, RNNConfig: RNN, IAMConfig: IAM}


def make_model(config: ModelConfig, observations: spaces.Space, actions: spaces.Space) -> ActorCritic:
    """The model that a config describes.

    Args:
      config: Its sizes and choices.
      observations: What it reads: a space of `envs_jax.spaces`. A `Box` with three axes is an image
        (Y, X, C); every other one makes O variables.
      actions: What it chooses; see `iam_jax.models.policies.policy_for`.

    Raises:
      ValueError: No policy acts in that space; the encoder does not fit the observation; or a manual d-set is
        missing, empty, repeats an index, or reaches past the variables or the feature map.
    """
    parts = parts_of(config, observations)
    encoder: Any = parts[0].encoder if len(parts) == 1 else "vector"
    config = dataclasses.replace(config, encoder=encoder)
    if isinstance(config, IAMConfig) and config.d_set == "auto":
        named = config.d_set_indices if config.encoder == "vector" else config.d_set_boxes
        config = dataclasses.replace(config, d_set="manual" if named else "identity")
    if isinstance(config, IAMConfig) and config.d_set == "manual":
        if config.encoder == "vector":
            config = dataclasses.replace(config, d_set_indices=_checked(config.d_set_indices, parts))
        else:
            _check_boxes(config.d_set_boxes, map_size(config.encoder, parts[0].space.shape))
    if isinstance(config, RecurrentConfig):
        _check_cell(config)
    policy = policy_for(actions, squash=config.squash_actions)
    return MODELS[type(config)](config, policy, parts)


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


def _in_steps(module: nn.Module, obs: jax.Array) -> jax.Array:
    """``module(obs)``, one step of time after the other, keeping only the results for the gradient."""

    def step(module: nn.Module, carry: tuple[()], x: jax.Array) -> tuple[tuple[()], jax.Array]:
        return carry, module(x)

    scan = nn.scan(nn.remat(step), variable_broadcast="params", split_rngs={"params": False})
    return scan(module, (), obs)[1]


def _checked(indices: tuple[Name, ...] | None, parts: tuple[Part, ...]) -> tuple[int, ...]:
    if not indices:
        raise ValueError(
            "A manual d-set needs indices: give them with --d-set-indices where the environment names none, "
            "or choose --d-set static, dynamic or identity."
        )
    return places(indices, parts)


def _check_cell(config: RecurrentConfig) -> None:
    cell = make_recurrence(config)
    if isinstance(config, IAMConfig) and config.d_set == "dynamic" and not isinstance(cell, Stepwise):
        what = f"--cell {config.cell}" if config.layers == 1 else f"--layers {config.layers}"
        raise ValueError(
            f"--d-set dynamic asks what the memory was one step before, and {what} computes all steps "
            "together: choose --d-set manual, static or identity, or one layer of --cell gru or lstm."
        )


def _check_boxes(boxes: tuple[Box, ...] | None, size: tuple[int, int]) -> None:
    rows, columns = size
    if not boxes:
        raise ValueError(
            f"A manual d-set on the {rows}x{columns} feature map needs boxes: give --d-set-boxes, "
            "or choose --d-set static, dynamic or identity."
        )
    for row, column, height, width in boxes:
        if min(row, column) < 0 or min(height, width) < 1 or row + height > rows or column + width > columns:
            raise ValueError(
                f"The box {row} {column} {height} {width} (row, column, height, width) does not lie in the "
                f"{rows}x{columns} feature map."
            )


def _mlp(config: ModelConfig, sizes: tuple[int, ...], name: str | None = None) -> MLP:
    kernel_init, activation = KERNELS[config.init][0], ACTIVATIONS[config.activation]
    return MLP(sizes, activation, kernel_init, config.bias, product_dtype(config), name=name)


def _policy_init(config: ModelConfig) -> Initializer:
    if config.init == "orthogonal":
        return orthogonal(0.01)
    return nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")


def _selector(config: IAMConfig) -> d_set.Selector | d_set_maps.MapSelector:
    kernel, on_map = KERNELS[config.init][1], config.encoder != "vector"
    if config.d_set == "manual":
        if on_map:
            return d_set_maps.Boxes(config.d_set_boxes or ())
        return d_set.Manual(config.d_set_indices or ())  # type: ignore[arg-type]  # made places by make_model
    if config.d_set == "static":
        static = d_set_maps.StaticMap if on_map else d_set.Static
        return static(config.d_set_size, kernel, product_dtype(config))
    if config.d_set == "dynamic":
        attention = d_set_maps.Attention if on_map else d_set.Dynamic
        return attention(config.heads, config.attention_units, kernel, product_dtype(config))
    return d_set_maps.FlatMap() if on_map else d_set.Identity()
