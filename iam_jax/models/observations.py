"""What a network reads: the parts of an observation, how each is encoded, and how its entries are named."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from envs_jax import spaces
from iam_jax.model_config import NetworkConfig
from iam_jax.models.encoders import CONVOLUTIONS, choose_encoder, map_size

Name = int | str
"""A place of the joined vector, or a part of the observation (``velocity``) or an entry of it
(``velocity[1]``)."""


class Part(NamedTuple):
    """One array of an observation.

    Attributes:
      name: The path to it, such as ``camera/left``; empty where the observation is a single array.
      encoder: How it is read: as a vector, or by the convolutions of that name.
      space: Its space.
    """

    name: str
    encoder: str
    space: Any

    @property
    def sizes(self) -> tuple[int, ...]:
        """Places in the joined vector of each entry; convolutions leave no entries but those of their map."""
        if self.encoder == "vector":
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
    return tuple(Part(name, choose_encoder(config, tuple(leaf.shape)), leaf) for name, leaf in leaves)


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
