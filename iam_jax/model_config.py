"""Every choice of a network, as frozen dataclasses. Imports no jax, so that ``--help`` is quick."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import tyro

from envs_jax import paths
from iam_jax.errors import ConfigError
from iam_jax.limits import check_fields, flag, names

CELLS = ("gru", "lstm", "mingru", "lru", "s5", "ffm", "gtrxl")
"""Sequence models by name."""
GTRXL_HEADS = 4
OWN = {
    "cell": (CELLS, "MyCell"),
    "encoder": (("auto", "vector", "atari", "board"), "MyEncoder"),
    "d_set": (("auto", "manual", "static", "dynamic", "identity"), "MySelector"),
}
"""Option -> its values by name, any other being a class of one's own, and what that may be called."""


@dataclasses.dataclass(frozen=True)
class Section:
    """Options that belong together."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclasses.dataclass(frozen=True)
class NetworkConfig(Section):
    """What every network has."""

    kind: ClassVar[str]

    encoder: str = "auto"
    """Before everything: vector for none, or the convolutions of atari (84x84) or board (10x10 images); auto
    follows the observation; or a class of your own as my_module:MyEncoder (docs/memory.md)."""
    fc: tuple[int, ...] = (256,)
    """Feedforward layers: beside the memory (iam), before it (rnn), or alone (fnn)."""
    joint: tuple[int, ...] = ()
    """Layers behind everything, shared by policy and value. The paper has none."""
    activation: Literal["relu", "tanh"] = "relu"
    """Behind every feedforward layer."""
    init: Literal["orthogonal", "glorot"] = "orthogonal"
    """Kernels: orthogonal (gain sqrt 2 before an activation) or Glorot-uniform."""
    bias: bool = True
    """Biases in feedforward layers and policy head; cells and value head always have one."""
    remat: bool = False
    """Compute convolutions and attention again for the gradient, step by step, where memory is short."""
    normalise_observations: bool = False
    """Bring vectors of measured numbers to zero mean and unit variance by running statistics."""
    squash_actions: bool = False
    """Bring continuous actions into their bounds by tanh; otherwise they are clipped."""
    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of the factors of matrix products; parameters, gates, logits and values are float32 in any case. auto:
    what a measurement of half a second finds faster here; the run keeps it."""

    def __post_init__(self) -> None:
        for option in OWN.keys() & names(self):
            object.__setattr__(self, option, choice(option, getattr(self, option), *OWN[option]))
        super().__post_init__()

    @property
    def own(self) -> dict[str, str]:
        """Option -> place of the class, for all that is of one's own."""
        return {option: place for option in (*OWN, "network") if ":" in (place := getattr(self, option, ""))}


def choice(option: str, value: Any, known: tuple[str, ...], example: str) -> Any:
    """A value of an option that takes names, and classes of one's own, which become their places.

    Raises:
      ConfigError: It is neither, or the class cannot be found again.
    """
    try:
        value = paths.place_of(value) if isinstance(value, type) else value
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if isinstance(value, str) and value not in known:
        if not paths.is_path(value):
            raise ConfigError(
                f"--{flag(option)} must be one of {', '.join(known)}, or a class of your own as "
                f"my_module:{example}, not {value!r}."
            )
        return paths.absolute(value)
    return value


@dataclasses.dataclass(frozen=True)
class RecurrentConfig(NetworkConfig):
    """What every network with a memory has."""

    cell: str = "gru"
    """What remembers: gru, lstm; mingru, lru, s5, ffm, which run along a sequence in parallel; gtrxl, a
    transformer over the last steps; or a class of your own as my_module:MyCell (docs/memory.md)."""
    hidden: int = 64
    """Units of the cell."""
    layers: int = 1
    """So many cells on top of each other."""
    window: int = 32
    """Steps that a gtrxl sees."""
    forget_bias: float = 1.0
    """Constant added in the forget gate of an lstm."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cell == "gtrxl" and self.hidden % GTRXL_HEADS:
            raise ConfigError(f"--hidden {self.hidden} must divide into the {GTRXL_HEADS} heads of a gtrxl.")


@dataclasses.dataclass(frozen=True)
class FNNConfig(NetworkConfig):
    """A feedforward network: layers and heads."""

    kind: ClassVar[str] = "fnn"


@dataclasses.dataclass(frozen=True)
class RNNConfig(RecurrentConfig):
    """A recurrent network: layers, cell, heads in a row."""

    kind: ClassVar[str] = "rnn"


@dataclasses.dataclass(frozen=True)
class IAMConfig(RecurrentConfig):
    """Influence-aware memory: layers beside a cell that reads the d-set."""

    kind: ClassVar[str] = "iam"

    d_set: str = "manual"
    """What the memory reads: manual, by given indices; static, a learned linear map; dynamic, attention;
    identity, everything; auto is manual where the indices are given or the environment names its own, and
    else identity; or a class of your own as my_module:MySelector (docs/memory.md)."""
    d_set_indices: tuple[int | str, ...] | None = None
    """A manual d-set: indices of the observation vector, or names of its parts and entries such as
    velocity[0] (from Python also {"velocity": [0, 1]}); the environment's own if not given."""
    d_set_boxes: tuple[tuple[int, int, int, int], ...] | None = None
    """Boxes of a manual d-set on the feature map of images: row, column, height, width of each."""
    d_set_size: int = 24
    """Outputs of a static d-set; on a feature map for every region."""
    heads: int = 1
    """Attention heads of a dynamic d-set."""
    attention_units: int = 128
    """Units per attention head."""

    def __post_init__(self) -> None:
        if isinstance(self.d_set_indices, Mapping):
            entries = [f"{part}[{i}]" for part, indices in self.d_set_indices.items() for i in indices]
            object.__setattr__(self, "d_set_indices", tuple(entries))
        super().__post_init__()


@dataclasses.dataclass(frozen=True)
class OwnConfig(RecurrentConfig):
    """A network of one's own, which may use any of these options."""

    kind: ClassVar[str] = "own"

    network: Annotated[str, tyro.conf.Suppress] = ""
    """Its class as my_module:MyNetwork; the command line calls it ``--model``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", choice("model", self.network, (), "MyNetwork"))
        super().__post_init__()


ModelConfig = IAMConfig | RNNConfig | FNNConfig | OwnConfig
"""The kind of a network is its type."""

NETWORKS: dict[str, type[ModelConfig]] = {
    cls.kind: cls for cls in (IAMConfig, RNNConfig, FNNConfig, OwnConfig)
}
"""Kind -> type."""


def network(kind: str, options: dict[str, Any]) -> ModelConfig:
    """A network of a kind, with those of the options that this kind has; those that no kind has are refused.

    Raises:
      ConfigError: There is no such kind or option, or a value cannot work.
    """
    if kind not in NETWORKS:
        raise ConfigError(f"A network is one of {', '.join(NETWORKS)}, not {kind!r}.")
    elsewhere = names(IAMConfig) - names(NETWORKS[kind])
    known = {name: value for name, value in options.items() if name not in elsewhere}
    if unknown := [name for name in known if name not in names(NETWORKS[kind])]:
        raise ConfigError(f"No network has an option {unknown[0]!r}.")
    return NETWORKS[kind](**known)
