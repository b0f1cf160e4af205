"""Every choice of a run, as frozen dataclasses. Imports no jax, so that ``--help`` is quick.

A value that cannot work alone is refused where it is written; what must fit together, by `iam_jax.checks`.
"""

import dataclasses
import difflib
from typing import Any, Literal, NamedTuple

from envs_jax.arguments import parse_arguments
from iam_jax import sweep as sweeps
from iam_jax.errors import ConfigError
from iam_jax.limits import flag, names
from iam_jax.model_config import (
    NETWORKS,
    FNNConfig,
    IAMConfig,
    ModelConfig,
    NetworkConfig,
    OwnConfig,
    RecurrentConfig,
    RNNConfig,
    Section,
    network,
)
from iam_jax.ppo_config import NUMBERS, PPOConfig, PPOShape

__all__ = [
    "NETWORKS",
    "NUMBERS",
    "Config",
    "ConfigError",
    "FNNConfig",
    "HardwareConfig",
    "IAMConfig",
    "ModelConfig",
    "NetworkConfig",
    "OutputConfig",
    "OwnConfig",
    "PPOConfig",
    "PPOShape",
    "RNNConfig",
    "RecurrentConfig",
    "differences",
    "flag",
    "leaves",
    "network",
]


@dataclasses.dataclass(frozen=True)
class OutputConfig(Section):
    """What is written, and when. None of it changes the parameters that a run ends with."""

    num_evaluations: int = 20
    """Evaluations spread over the run, on environments of their own."""
    eval_episodes: int = 256
    """Episodes of each."""
    final_episodes: int = 1000
    """Episodes of the final evaluation."""
    max_eval_steps: int = 100_000
    """An evaluated episode that is longer is cut here, and reported as unfinished."""
    checkpoint_interval: float = 60.0
    """Seconds between checkpoints: the most that a kill can lose."""
    tensorboard: bool = False
    """Also write TensorBoard events (extra: tensorboard)."""
    wandb: str | None = None
    """Also log to this Weights & Biases project (extra: wandb)."""


@dataclasses.dataclass(frozen=True)
class HardwareConfig(Section):
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
    at_once: int | None = None
    """Of the runs of a sweep or of several seeds, compute so many beside each other and then the next ones,
    where memory is short; by default all."""


DEFAULT_MODEL = IAMConfig()
DEFAULT_PPO = PPOConfig()


@dataclasses.dataclass(frozen=True)
class Config(Section):
    """The run."""

    env: str = "warehouse"
    """Environment: warehouse, mini-warehouse, traffic, tmaze, rocksample-11, battleship-10, redbluedoors-8x8,
    memory-s7, doorkey-8x8, pong, breakout; tasks of POPGym (popgym-repeat-first-easy); games of MinAtar
    (minatar-breakout) and ALE (ale:Breakout); gymnax's own (CartPole-v1); gymnasium's
    (gymnasium:CartPole-v1); other suites' (docs/other_suites.md); or your own, as my_module:MyEnv or
    path/to/my_env.py:MyEnv."""
    preset: Literal["fast", "best", "paper", "custom"] = "custom"
    """What this config began from, which is a name and changes nothing: --preset chooses the defaults."""
    env_args: tuple[str, ...] = ()
    """Arguments of the environment as NAME=VALUE, such as size=11 lifetime=12."""
    observe: Literal["hidden"] | None = None
    """Append the environment's hidden state to the observation: the bound of perfect memory
    (docs/bounds.md)."""
    distractors: int = 0
    """Append N irrelevant variables: coins, slow walks, and entries of another episode (docs/bounds.md)."""
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
    sweep: tuple[str, ...] = ()
    """Train every combination of several values of some numbers in one program, as OPTION=VALUE,VALUE,...:
    those of the learner (learning-rate=1e-3,2e-3) and of the environment (env.lifetime=4,8); from Python also
    {"learning_rate": [0.001, 0.002]}. Each is trained with every seed."""
    init_from: str | None = None
    """Begin with the parameters of the run in this folder, of its best checkpoint, or with those of an agent
    of the package as pretrained:NAME; everything else is new."""
    model: ModelConfig = DEFAULT_MODEL
    ppo: PPOConfig = DEFAULT_PPO
    output: OutputConfig = OutputConfig()
    hardware: HardwareConfig = HardwareConfig()

    @property
    def settings(self) -> tuple[sweeps.Setting, ...]:
        """What a sweep varies, for each of its settings; one that is empty without a sweep."""
        return sweeps.settings(sweeps.parse(self.sweep, NUMBERS))

    @property
    def num_runs(self) -> int:
        """Runs trained together: every setting with every seed."""
        return len(self.settings) * self.num_seeds

    def at(self, setting: sweeps.Setting) -> "Config":
        """The config of one setting alone."""
        ours = {option: value for option, value in setting.items() if not option.startswith(sweeps.ENV)}
        theirs = {
            option.removeprefix(sweeps.ENV): setting[option] for option in setting if option not in ours
        }
        kept = [text for text in self.env_args if text.partition("=")[0] not in theirs]
        args = [*kept, *(f"{name}={value}" for name, value in theirs.items())]
        return self.replace(sweep=(), env_args=tuple(args), **ours)

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

    @property
    def model_name(self) -> str:
        """The network as the command line names it: iam, rnn, fnn, fnn-stack, or the place of a class."""
        if isinstance(self.model, OwnConfig):
            return self.model.network
        if isinstance(self.model, FNNConfig):
            return "fnn-stack" if self.frame_stack > 1 else "fnn"
        return "iam" if isinstance(self.model, IAMConfig) else "rnn"

    @property
    def model_label(self) -> str:
        """The network as tables and folders name it: a class of one's own without its place."""
        return self.model_name.rpartition(":")[2]

    def __post_init__(self) -> None:
        for name, kinds in SECTIONS.items():
            if not isinstance(section := getattr(self, name), kinds):
                known = " or ".join(kind.__name__ for kind in kinds)
                hint = ": iam_jax.preset(env, model='rnn') makes one by its name" if name == "model" else ""
                raise ConfigError(f"{name} must be of type {known}, not {section!r}{hint}.")
        object.__setattr__(self, "sweep", sweeps.as_texts(self.sweep))
        super().__post_init__()
        sweeps.parse(self.sweep, NUMBERS)

    def replace(self, **changes: Any) -> "Config":
        """The config with other values, each by its own name whichever part it is in.

        Raises:
          ConfigError: There is no option of that name (the message lists near misses), or a value is wrong.
        """
        own = {name: changes.pop(name) for name in list(changes) if name in names(Config)}
        for section in SECTIONS:
            part = own.get(section, getattr(self, section))
            theirs = {name: changes.pop(name) for name in list(changes) if name in names(type(part))}
            if theirs:
                own[section] = dataclasses.replace(part, **theirs)
        if changes:
            raise ConfigError(_unknown(next(iter(changes)), own.get("model", self.model)))
        return dataclasses.replace(self, **own)


SECTIONS: dict[str, tuple[type, ...]] = {
    "model": tuple(NETWORKS.values()),
    "ppo": (PPOConfig,),
    "output": (OutputConfig,),
    "hardware": (HardwareConfig,),
}
"""Part of a `Config` -> what it may be."""


class Difference(NamedTuple):
    """An option, as it is typed without its dashes, in which two configs differ."""

    option: str
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"--{self.option} {self.ours} (was {self.theirs})"


def differences(ours: Config, theirs: Config) -> list[Difference]:
    """Options in which two runs differ, apart from output and hardware."""
    return [
        Difference(flag(name.split(".")[-1]), new, old)
        for (name, new), (_, old) in zip(leaves(ours), leaves(theirs), strict=True)
        if new != old and not name.startswith(("output.", "hardware."))
    ]


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


def _unknown(name: str, model: ModelConfig) -> str:
    known = set().union(
        *(names(cls) for cls in (Config, type(model), PPOConfig, OutputConfig, HardwareConfig))
    )
    if name in names(IAMConfig):
        return f"{name} is no option of --model {model.kind}, whose network has none."
    near = difflib.get_close_matches(name, known, n=3)
    return f"There is no option {name!r}" + (f": did you mean {' or '.join(near)}?" if near else ".")
