"""What a network reads: the parts of an observation, how each is encoded, and how its entries are named."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from envs_jax import spaces
from iam_jax.model_config import NetworkConfig
from iam_jax.models import own
from iam_jax.models.encoders import CONVOLUTIONS, Convolutions, as_vector, choose_encoder, map_size
from iam_jax.models.kernels import KERNELS, product_dtype
from iam_jax.models.normalise import Normalise

Name = int | str
"""A place of the joined vector, or a part of the observation (``velocity``) or an entry of it
(``velocity[1]``)."""


class Part(NamedTuple):
    """One array of an observation.

    Attributes:
      name: The path to it, such as ``camera/left``; empty where the observation is a single array.
      encoder: How it is read: as a vector, or by the convolutions of that name. An encoder of one's own, by
        its place, reads the whole observation, and this part is what it makes of it.
      space: Its space.
    """

    name: str
    encoder: str
    space: Any

    @property
    def sizes(self) -> tuple[int, ...]:
        """Places in the joined vector of each entry; convolutions leave no entries but those of their map."""
        if self.encoder not in CONVOLUTIONS:
            return self.space.encoded_sizes
        return (1,) * (
            math.prod(map_size(self.encoder, self.space.shape)) * CONVOLUTIONS[self.encoder][-1][0]
        )

    @property
    def is_measured(self) -> bool:
        """Whether it is a vector of measured numbers, which `normalise_observations` is for."""
        is_float = isinstance(self.space, spaces.Box) and jnp.issubdtype(self.space.dtype, jnp.floating)
        return is_float and self.encoder == "vector"


def parts_of(config: NetworkConfig, space: spaces.Space) -> tuple[Part, ...]:
    """The parts of the observations of a space, in the order of `jax.tree.leaves`.

    Raises:
      ValueError: The encoder does not fit.
    """
    leaves = list(spaces.leaves(space))
    if not leaves:
        raise ValueError("The observation has no parts: a network needs something to read.")
    if "encoder" in config.own:
        return (_part_of_own(config, space),)
    return tuple(Part(name, choose_encoder(config, tuple(leaf.shape)), leaf) for name, leaf in leaves)


def _part_of_own(config: NetworkConfig, space: spaces.Space) -> Part:
    """What an encoder of one's own makes of an observation: a vector."""
    obs = spaces.zeros(space, (1, 1))
    encoder = encoder_for(config, ())
    with own.blamed({"encoder": config.encoder}):
        vector = jax.eval_shape(lambda: encoder.init_with_output(jax.random.key(0), obs)[0])
        shape, dtype = vector.shape, vector.dtype
    if len(shape) != 3 or shape[:2] != (1, 1) or not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            f"--encoder {config.encoder} must make vectors float[T, B, O] of observations [T, B, ...], "
            f"not {dtype}{list(shape)} where T and B are 1."
        )
    return Part("", config.encoder, spaces.Box(-math.inf, math.inf, (shape[-1],)))


def places(names: Sequence[Name], parts: tuple[Part, ...]) -> tuple[int, ...]:
    """The places of the joined vector that a d-set names.

    Raises:
      ValueError: There is no such part or entry, or a place is named twice or lies beyond the vector.
    """
    found: list[int] = []
    for name in names:
        found += [name] if isinstance(name, int) else _of_entry(name, parts)
    total = sum(sum(part.sizes) for part in parts)
    wrong = [i for i in found if not 0 <= i < total]
    if wrong or len(set(found)) < len(found):
        raise ValueError(
            f"The d-set indices must be different numbers from 0 to {total - 1} "
            f"(the observation has {total} entries), not {wrong or list(names)}."
        )
    return tuple(found)


def places_of_variables(variables: Sequence[Name], parts: tuple[Part, ...]) -> tuple[int, ...]:
    """As `places`, where whole numbers count the entries of an observation (`Environment.d_set`).

    An entry that is shown one-hot has several places, and one that convolutions read has none.

    Raises:
      ValueError: As `places`.
    """
    if ":" in parts[0].encoder:
        raise ValueError(
            f"The environment's d-set names entries of its observation, and --encoder {parts[0].encoder} "
            f"makes {sum(parts[0].sizes)} others of them: give --d-set-indices of those, or choose --d-set "
            "static, dynamic or identity."
        )
    found: list[Name] = []
    for variable in variables:
        found += [variable] if isinstance(variable, str) else _of_variable(variable, parts)
    return places(found, parts)


def _of_variable(variable: int, parts: tuple[Part, ...]) -> Sequence[int]:
    entry, place = variable, 0
    for part in parts:
        entries = len(part.space.encoded_sizes)
        if 0 <= entry < entries:
            if part.encoder != "vector":
                raise ValueError(
                    f"The d-set names a single pixel of {part.name or 'the observation'}, which "
                    "convolutions read: name the whole part."
                )
            begin = place + sum(part.sizes[:entry])
            return range(begin, begin + part.sizes[entry])
        entry, place = entry - entries, place + sum(part.sizes)
    raise ValueError(f"The d-set names entry {variable}, and the observation has fewer.")


def _of_entry(name: str, parts: tuple[Part, ...]) -> Sequence[int]:
    path, index = spaces.split_name(name)
    begin = 0
    for part in parts:
        if part.name == path:
            if index is None:
                return range(begin, begin + sum(part.sizes))
            if index < len(part.sizes):
                begin += sum(part.sizes[:index])
                return range(begin, begin + part.sizes[index])
            raise ValueError(f"The d-set names {name!r}, and {path or 'it'} has {len(part.sizes)} entries.")
        begin += sum(part.sizes)
    known = ", ".join(part.name for part in parts if part.name) or "one array without a name"
    raise ValueError(f"The d-set names {name!r}; the parts of the observation are {known}.")


class Encoder(nn.Module):
    """Observations [T, B, ...] as vectors [T, B, O] or, of one image alone, as a feature map [T, B, Y, X, F].

    The parts of a tuple or dict are encoded each by itself, flattened and joined.
    """

    config: NetworkConfig
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


class OwnEncoder(nn.Module):
    """An encoder of one's own: observations [T, B, ...], measured vectors normalised, to [T, B, O]."""

    inner: nn.Module
    normalise: bool

    @nn.compact
    def __call__(self, obs: Any) -> jax.Array:
        if self.normalise:
            leaves, tree = jax.tree.flatten(obs)
            obs = jax.tree.unflatten(tree, [self._normalised(i, leaf) for i, leaf in enumerate(leaves)])
        vector: jax.Array = self.inner(obs)
        return vector

    def _normalised(self, i: int, obs: jax.Array) -> jax.Array:
        is_image = obs.ndim == 2 + 3
        if is_image or not jnp.issubdtype(obs.dtype, jnp.floating):
            return obs
        return Normalise(name=f"normalise_{i}")(as_vector(obs)).reshape(obs.shape)


def encoder_for(config: NetworkConfig, parts: tuple[Part, ...]) -> nn.Module:
    """What makes vectors or a feature map of observations: `Encoder`, or a class of one's own."""
    if "encoder" in config.own:
        return OwnEncoder(own.make("encoder", config.encoder, nn.Module), config.normalise_observations)
    return Encoder(config, parts)


def _in_steps(module: nn.Module, obs: jax.Array) -> jax.Array:
    """``module(obs)``, one step of time after the other, keeping only the results for the gradient."""

    def step(module: nn.Module, carry: tuple[()], x: jax.Array) -> tuple[tuple[()], jax.Array]:
        return carry, module(x)

    scan = nn.scan(nn.remat(step), variable_broadcast="params", split_rngs={"params": False})
    return scan(module, (), obs)[1]
