"""What `iam_jax.presets` offers for POPGym, the same for all 48 tasks.

``paper`` is the learner with which popjaxrl (Lu et al. 2023, arXiv 2303.03982) trains the suite, after the
paper's own: 64 environments x 1,024 steps, 30 epochs of 8 minibatches, the last action shown. The network is
this package's: one layer, the memory, one layer. ``fast`` is our own.
"""

from dataclasses import replace

from iam_jax.config import Config, OutputConfig, PPOConfig
from iam_jax.preset_tables import alike, models

_PAPER_PPO = PPOConfig(
    num_envs=64,
    num_steps=1024,
    bptt_length=1024,
    num_epochs=30,
    num_minibatches=8,
    gamma=0.99,
    gae_lambda=1.0,
    learning_rate=5e-5,
    learning_rate_end=5e-5,
    clip=0.2,
    clip_end=0.2,
    clip_value=True,
    entropy=0.0,
    value_coefficient=1.0,
)
# A rollout reaches over most episodes at the easy level. Returns lie in [-1, 1], so nothing is normalised.
_FAST_PPO = PPOConfig(
    num_envs=512,
    num_steps=128,
    bptt_length=128,
    num_epochs=2,
    minibatch_steps=8192,
    gamma=0.99,
    gae_lambda=0.95,
    learning_rate=1e-3,
    entropy=0.01,
    burn_in=100,
)
_OUTPUT = OutputConfig(num_evaluations=10, eval_episodes=256, final_episodes=1000)


_RUN = Config(previous_action=True, total_steps=15_000_000, output=_OUTPUT)
POPGYM = {
    "popgym": {
        "fast": models(replace(_RUN, ppo=_FAST_PPO), alike(128)),
        "paper": models(replace(_RUN, ppo=_PAPER_PPO), alike(256)),
    }
}
"""Family of environments -> preset -> model -> config."""
