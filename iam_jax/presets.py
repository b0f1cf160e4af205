"""Ready configs per environment and model: `preset("warehouse", "fast", "iam")`.

- ``fast``: thousands of environments, chosen by experiment (docs/warehouse.md).
- ``best``: the same for longer and with a larger network.
- ``paper``: sizes and learner as published (Suau et al. 2022), 8 environments. The faults of the
  published learner are not copied: memory is reset where an episode begins inside a sequence, no
  transition is dropped, and returns come from every environment.
"""

import re
from dataclasses import replace
from typing import Any

from iam_jax.config import Config, ConfigError
from iam_jax.preset_tables import OTHERS, TABLE

PRESETS = ("fast", "best", "paper")
MODELS = ("iam", "rnn", "fnn", "fnn-stack")


def family(env: str) -> str:
    """Environments that share presets: the name without game (``minatar-``, ``ale:``) or size (``-8x8``)."""
    return re.sub(r"^(minatar|ale)[-:].*|-\d+x\d+$", r"\1", env)


def preset(env: str, name: str, model: str) -> Config:
    """The config of a preset.

    An environment without presets of its own (gymnax's) gets the Warehouse's learner with the usual
    discount, and a memory that reads everything.

    Raises:
      ConfigError: The preset is unknown, or the environment has none of that name.
    """
    if name not in PRESETS or model not in MODELS:
        raise ConfigError(
            f"Presets are {', '.join(PRESETS)} and models {', '.join(MODELS)}, not {name!r} and {model!r}."
        )
    presets = TABLE.get(family(env), {"fast": OTHERS})
    if name not in presets:
        raise ConfigError(f"{env} has no preset {name!r} (but {', '.join(presets)}).")
    choice: Any = {"env": env, "preset": name, "model": model}
    return replace(presets[name][model], **choice)


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
                f"{ppo.num_steps} steps, {ppo.num_epochs} epochs of {ppo.num_minibatches} minibatches, "
                f"discount {ppo.gamma}, lambda {ppo.gae_lambda}"
            )
            lines += [f"  --model {model}: {_sizes(config)}" for model, config in models.items()]
            lines.append("")
    return "\n".join(lines)


def _sizes(config: Config) -> str:
    network = config.network
    joint = f", then {_numbers(network.joint)}" if network.joint else ""
    frames = f" on {config.frame_stack} frames" if config.frame_stack > 1 else ""
    if network.architecture == "fnn":
        return f"FC {_numbers(network.fc)}{joint}{frames}"
    link = "beside" if network.architecture == "iam" else "before"
    layers = f"FC {_numbers(network.fc)} {link} " if network.fc else ""
    return f"{layers}{network.cell.upper()} {network.hidden}{joint}"


def _numbers(sizes: tuple[int, ...]) -> str:
    return ",".join(map(str, sizes))
