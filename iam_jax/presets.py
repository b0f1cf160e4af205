"""Ready configs per environment and model: `preset("warehouse", "fast", "iam")`.

- ``fast``: thousands of environments, chosen by experiment (docs/warehouse.md).
- ``best``: the same for longer and with a larger network.
- ``paper``: sizes and learner as published (Suau et al. 2022), 8 environments. The faults of the
  published learner are not copied: memory is reset where an episode begins inside a sequence, no
  transition is dropped, and returns come from every environment. For RockSample and Battleship: as POBAX
  (Tao et al. 2025) has them; for POPGym as popjaxrl (Lu et al. 2023).
"""

import re
from typing import Any

from iam_jax.config import Config, ConfigError, OwnConfig, RecurrentConfig
from iam_jax.limits import names
from iam_jax.model_config import choice
from iam_jax.pobax_presets import POBAX
from iam_jax.popgym_presets import POPGYM
from iam_jax.preset_tables import OTHERS
from iam_jax.preset_tables import TABLE as OURS

TABLE = OURS | POBAX | POPGYM
"""Family of environments -> preset -> model -> config."""
PRESETS = ("fast", "best", "paper")
MODELS = ("iam", "rnn", "fnn", "fnn-stack")


def family(env: str) -> str:
    """Environments that share presets: the name without game (``minatar-``, ``ale:``), size (``-8x8``) or
    version (``-v1``).
    """
    return re.sub(r"^(minatar|ale|gymnasium|brax|popgym)[-:].*|-\d+x\d+$|-v\d+$|-bsuite$", r"\1", env)


def preset(env: str, preset: str = "fast", model: str | type = "iam", **changes: Any) -> Config:
    """The config of a preset, with any option changed by its name.

    An environment without presets of its own (gymnax's, or yours) gets the Warehouse's learner with the usual
    discount, and a memory that reads the d-set that the environment names, or else everything.

    Args:
      env: The environment, as `envs_jax.make` takes it.
      preset: One of `PRESETS`.
      model: One of `MODELS`; or a network of your own, as its class or my_module:MyNetwork, with the sizes of
        rnn.
      **changes: Options of `iam_jax.Config` or of its parts, such as ``total_steps=2_000_000, hidden=32``.

    Raises:
      ConfigError: The preset is unknown, or the environment has none of that name; an option is unknown (the
        message lists near misses), or a value cannot work.
    """
    if preset not in PRESETS:
        raise ConfigError(f"Presets are {', '.join(PRESETS)}, not {preset!r}.")
    name = model_name(model)
    presets = TABLE.get(family(env), {"fast": OTHERS})
    if preset not in presets:
        raise ConfigError(f"{env} has no preset {preset!r} (but {', '.join(presets)}).")
    config = presets[preset][name if name in MODELS else "rnn"]
    if name not in MODELS:
        sizes = {option: getattr(config.model, option) for option in names(config.model)}
        config = config.replace(model=OwnConfig(network=name, **sizes))
    return config.replace(env=env, preset=preset).replace(**changes)


def model_name(model: str | type) -> str:
    """A network's name, or the place of one of one's own, as `Config.model_name` has it.

    Raises:
      ConfigError: It is neither, or the class cannot be found again.
    """
    name: str = choice("model", model, MODELS, "MyNetwork")
    return name


def describe() -> str:
    """All presets as lines of text."""
    lines = []
    for presets in {id(presets): presets for presets in TABLE.values()}.values():
        env = ", ".join(env for env, theirs in TABLE.items() if theirs is presets)
        for name, models in presets.items():
            run = models["iam"]
            ppo = run.ppo
            lines.append(
                f"{env} --preset {name}: {run.total_steps / 1e6:g}M steps, {ppo.num_envs} environments x "
                f"{ppo.num_steps} steps, {ppo.num_epochs} epochs of {ppo.minibatches} minibatches, "
                f"discount {ppo.gamma}, lambda {ppo.gae_lambda}"
            )
            lines += [f"  --model {model}: {_sizes(config)}" for model, config in models.items()]
            lines.append("")
    return "\n".join(lines)


def _sizes(config: Config) -> str:
    network = config.model
    joint = f", then {_numbers(network.joint)}" if network.joint else ""
    frames = f" on {config.frame_stack} frames" if config.frame_stack > 1 else ""
    if not isinstance(network, RecurrentConfig):
        return f"FC {_numbers(network.fc)}{joint}{frames}"
    link = "beside" if network.kind == "iam" else "before"
    layers = f"FC {_numbers(network.fc)} {link} " if network.fc else ""
    return f"{layers}{network.cell.upper()} {network.hidden}{joint}"


def _numbers(sizes: tuple[int, ...]) -> str:
    return ",".join(map(str, sizes))
