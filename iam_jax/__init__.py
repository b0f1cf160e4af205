"""Influence-aware memory and recurrent PPO in JAX.

>>> config = preset("warehouse", model="iam", total_steps=2_000_000)
>>> run = train(config, run_dir="runs/first")
>>> run.agent.evaluate(episodes=1000).mean

Names are imported when they are first used, so that ``import iam_jax`` and ``--help`` need no jax.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iam_jax.agent import Agent, load
    from iam_jax.api import resume, train
    from iam_jax.build import model_for
    from iam_jax.config import Config, FNNConfig, IAMConfig, OwnConfig, PPOConfig, RNNConfig
    from iam_jax.d_set.search import find_d_set
    from iam_jax.errors import ConfigError
    from iam_jax.play import Result
    from iam_jax.ppo.learner import Learner
    from iam_jax.ppo.numbers import PPONumbers
    from iam_jax.presets import preset
    from iam_jax.run import Failed, Finished, Run, Stopped

__all__ = [
    "Agent",
    "Config",
    "ConfigError",
    "FNNConfig",
    "Failed",
    "Finished",
    "IAMConfig",
    "Learner",
    "OwnConfig",
    "PPOConfig",
    "PPONumbers",
    "RNNConfig",
    "Result",
    "Run",
    "Stopped",
    "find_d_set",
    "load",
    "model_for",
    "preset",
    "resume",
    "train",
]

_PLACES = {
    **dict.fromkeys(("Agent", "load"), "iam_jax.agent"),
    "resume": "iam_jax.api",
    **dict.fromkeys(
        ("Config", "FNNConfig", "IAMConfig", "OwnConfig", "PPOConfig", "RNNConfig"), "iam_jax.config"
    ),
    **dict.fromkeys(("Failed", "Finished", "Run", "Stopped"), "iam_jax.run"),
    "ConfigError": "iam_jax.errors",
    "Learner": "iam_jax.ppo.learner",
    "PPONumbers": "iam_jax.ppo.numbers",
    "Result": "iam_jax.play",
    "find_d_set": "iam_jax.d_set.search",
    "model_for": "iam_jax.build",
    "preset": "iam_jax.presets",
}


def __getattr__(name: str) -> Any:
    if name == "train":  # the module of that name, which can be called
        return import_module("iam_jax.train")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
