"""What `iam_jax.presets` offers for POBAX's small tasks, RockSample and Battleship.

``paper`` has the sizes and numbers with which POBAX (Tao et al. 2025) reports its recurrent PPO, the best of
its published search for each task. It has no IAM: here that has the sizes of the recurrent network.
"""

from dataclasses import replace
from typing import Any

from iam_jax.config import Config, OutputConfig, PPOConfig
from iam_jax.preset_tables import alike, models

_PAPER_PPO = PPOConfig(
    num_envs=8,
    num_steps=128,
    bptt_length=128,
    num_epochs=4,
    num_minibatches=4,
    gamma=0.99,
    gae_lambda=0.7,
    learning_rate=2.5e-3,
    clip_value=True,
    entropy=0.2,
    entropy_end=0.2,
    adam_eps=1e-5,
)


def _rocks(ppo: PPOConfig, **others: Any) -> Config:
    """With the last action, which tells whether a rock was sampled, and rewards on one scale, as there."""
    return Config(ppo=replace(ppo, normalise_rewards=True), previous_action=True, **others)


# The last shot is part of Battleship's observation, so nothing is appended.
_SHIPS_PAPER_PPO = replace(_PAPER_PPO, num_envs=32, gamma=1.0, entropy=0.05, entropy_end=0.05)
_FAST_PPO = PPOConfig(
    num_envs=2048,
    num_steps=64,
    bptt_length=64,
    num_epochs=2,
    minibatch_steps=8192,
    gamma=0.99,
    gae_lambda=0.95,
    learning_rate=2e-3,
    entropy=0.05,
    burn_in=100,
)
_OUTPUT = OutputConfig(num_evaluations=10, eval_episodes=256, final_episodes=1000)
_SHIPS_FAST_PPO = replace(_FAST_PPO, gamma=1.0, entropy=0.02, normalise_rewards=True)

_ROCKS_FAST = models(_rocks(_FAST_PPO, total_steps=50_000_000, output=_OUTPUT), alike(128))
POBAX: dict[str, dict[str, dict[str, Config]]] = {
    "rocksample-11": {
        "fast": _ROCKS_FAST,
        "paper": models(_rocks(_PAPER_PPO, total_steps=5_000_000), alike(256)),
    },
    "rocksample-15": {
        "fast": _ROCKS_FAST,
        "paper": models(_rocks(replace(_PAPER_PPO, num_envs=16), total_steps=10_000_000), alike(512)),
    },
    "battleship-10": {
        "fast": models(Config(ppo=_SHIPS_FAST_PPO, total_steps=50_000_000, output=_OUTPUT), alike(128)),
        "paper": models(Config(ppo=_SHIPS_PAPER_PPO, total_steps=10_000_000), alike(512)),
    },
}
"""Environment -> preset -> model -> config."""
