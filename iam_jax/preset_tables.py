"""What `iam_jax.presets` offers: learner and networks for each family of environments."""

from dataclasses import replace
from typing import Any

from iam_jax.config import Config, FNNConfig, IAMConfig, ModelConfig, OutputConfig, PPOConfig, RNNConfig

Networks = dict[str, ModelConfig]
"""Model -> network."""

# One pass in many small steps: a fresh sample costs hardly more than reading an old one again. The
# entropy bonus must be high at first and fall slowly, or the policy settles on the nearest item.
_FAST_PPO = PPOConfig(num_epochs=1, entropy=0.2, burn_in=100)
# Items live twice as long and pay by age, so gradients and advantages must reach further.
_MINI_FAST_PPO = replace(
    _FAST_PPO,
    num_steps=16,
    bptt_length=16,
    gamma=0.96,
    gae_lambda=0.8,
    entropy=0.1,
    burn_in=96,
)
# A car that leaves the box comes back 10 to 24 steps later, and a wrong green costs for longer.
_TRAFFIC_FAST_PPO = replace(
    _FAST_PPO,
    num_envs=2048,
    num_steps=32,
    bptt_length=32,
    minibatch_steps=2048,
    gamma=0.98,
    gae_lambda=0.95,
    entropy=0.1,
    burn_in=250,
)
# MinAtar: short games, so few environments learn from many updates.
_MINATAR_FAST_PPO = PPOConfig(
    num_envs=128,
    num_steps=32,
    bptt_length=16,
    num_epochs=1,
    gamma=0.99,
    gae_lambda=0.95,
    entropy=0.01,
)
_PIXELS_FAST_PPO = replace(_MINATAR_FAST_PPO, num_envs=64, num_epochs=2, learning_rate=5e-4, clip_reward=True)
# Nineteen of twenty random episodes earn nothing, so a gradient step needs many episodes.
_DOORS_FAST_PPO = replace(
    _MINATAR_FAST_PPO, num_envs=512, num_steps=64, num_epochs=4, minibatch_steps=8192, learning_rate=1e-3
)
_FAST_NETWORK: Networks = {
    "iam": IAMConfig(fc=(256,), hidden=64, joint=(128,)),
    "rnn": RNNConfig(fc=(256,), hidden=128, joint=(128,)),
    "fnn": FNNConfig(fc=(256, 128)),
    "fnn-stack": FNNConfig(fc=(256, 128)),
}
_BEST_NETWORK: Networks = {
    "iam": IAMConfig(fc=(256,), hidden=64, joint=(256, 128)),
    "rnn": RNNConfig(fc=(256,), hidden=128, joint=(256, 128)),
    "fnn": FNNConfig(fc=(256, 256, 128)),
    "fnn-stack": FNNConfig(fc=(256, 256, 128)),
}

_PAPER_PPO = PPOConfig(
    num_envs=8,
    num_steps=128,
    bptt_length=8,
    num_epochs=3,
    num_minibatches=4,
    gamma=0.99,
    gae_lambda=0.95,
    gae_horizon=8,
    learning_rate=2.5e-4,
    learning_rate_end=1e-10,
    clip=0.1,
    clip_end=1e-5,
    entropy=0.01,
    entropy_end=0.01,
    value_coefficient=1.0,
    clip_value=True,
    normalise_advantage=False,
    max_grad_norm=None,
    bootstrap_truncated=False,
)
_MINI_PAPER_PPO = replace(_PAPER_PPO, bptt_length=16, gae_horizon=16)
_TRAFFIC_PAPER_PPO = replace(_PAPER_PPO, bptt_length=32, gae_horizon=32)
_PIXELS_PAPER_PPO = replace(_PAPER_PPO, clip_reward=True)
_SHORT_PAPER_PPO = replace(_PAPER_PPO, bptt_length=4, gae_horizon=4)
_PAPER_LAYERS: Any = {"activation": "relu", "init": "glorot", "bias": False}
_PAPER_MEMORY: Any = _PAPER_LAYERS | {"cell": "lstm"}
_PAPER_BASELINES: Networks = {
    # The published LSTM baseline builds its 640-unit layer but feeds the raw observation to the
    # LSTM; here the layer is connected. `--fc` with no number gives the published one.
    "rnn": RNNConfig(**_PAPER_MEMORY, fc=(640,), hidden=256),
    "fnn": FNNConfig(**_PAPER_LAYERS, fc=(640, 256)),
    "fnn-stack": FNNConfig(**_PAPER_LAYERS, fc=(640, 256)),
}
_PAPER_NETWORK: Networks = {"iam": IAMConfig(**_PAPER_MEMORY, fc=(576, 256), hidden=64), **_PAPER_BASELINES}
_MINI_PAPER_NETWORK: Networks = {
    "iam": IAMConfig(**_PAPER_MEMORY, fc=(256, 256), hidden=128),
    **_PAPER_BASELINES,
}
_TRAFFIC_FAST_NETWORK: Networks = {
    "iam": IAMConfig(fc=(64,), hidden=64, joint=(64,), d_set_size=8),
    "rnn": RNNConfig(fc=(64,), hidden=64, joint=(64,)),
    "fnn": FNNConfig(fc=(128, 64)),
    "fnn-stack": FNNConfig(fc=(128, 64)),
}
# The published manual d-set; with the static one the paper has `--fc 248 64 --hidden 8`.
_TRAFFIC_PAPER_NETWORK: Networks = {
    "iam": IAMConfig(**_PAPER_MEMORY, fc=(128, 128), hidden=128),
    "rnn": RNNConfig(**_PAPER_MEMORY, fc=(256,), hidden=128),
    "fnn": FNNConfig(**_PAPER_LAYERS, fc=(512, 256)),
    "fnn-stack": FNNConfig(**_PAPER_LAYERS, fc=(512, 256)),
}

# IAM needs a joint layer: linear heads on [x, d] cannot weigh what is seen by what is remembered.
_MINATAR_FAST_NETWORK: Networks = {
    "iam": IAMConfig(fc=(128,), hidden=128, joint=(128,), d_set="dynamic", attention_units=32),
    "rnn": RNNConfig(fc=(128,), hidden=128),
    "fnn": FNNConfig(fc=(128, 128)),
    "fnn-stack": FNNConfig(fc=(128, 128)),
}
_PIXELS_FAST_NETWORK: Networks = {
    "iam": IAMConfig(fc=(256,), hidden=128, joint=(128,), d_set="dynamic", attention_units=64),
    "rnn": RNNConfig(fc=(256,), hidden=256),
    "fnn": FNNConfig(fc=(512,)),
    "fnn-stack": FNNConfig(fc=(512,)),
}
# The ablation without selection is `--d-set identity`; the first version of the paper stacks 8 frames.
_PIXELS_PAPER_NETWORK: Networks = {
    "iam": IAMConfig(**_PAPER_MEMORY, fc=(256,), hidden=128, d_set="dynamic"),
    "rnn": RNNConfig(**_PAPER_MEMORY, fc=(), hidden=512),
    "fnn": FNNConfig(**_PAPER_LAYERS, fc=(512,)),
    "fnn-stack": FNNConfig(**_PAPER_LAYERS, fc=(512,)),
}
# With the paper's attention (`--d-set dynamic`) one seed of three solves it.
_DOORS_FAST_NETWORK: Networks = {
    "iam": IAMConfig(fc=(128,), hidden=64, joint=(128,), d_set="identity", heads=6, attention_units=32),
    "rnn": RNNConfig(fc=(128,), hidden=64),
    "fnn": FNNConfig(fc=(256, 128)),
    "fnn-stack": FNNConfig(fc=(256, 128)),
}
_DOORS_PAPER_NETWORK: Networks = {
    "iam": IAMConfig(**_PAPER_MEMORY, fc=(224, 128), hidden=32, d_set="dynamic", heads=6, attention_units=32),
    "rnn": RNNConfig(**_PAPER_MEMORY, fc=(256,), hidden=128),
    "fnn": FNNConfig(**_PAPER_LAYERS, fc=(256, 128)),
    "fnn-stack": FNNConfig(**_PAPER_LAYERS, fc=(256, 128)),
}


def alike(units: int) -> Networks:
    """A layer, the memory and a layer behind it, all of one size; without a memory two layers."""
    return {
        "iam": IAMConfig(fc=(units,), hidden=units, joint=(units,)),
        "rnn": RNNConfig(fc=(units,), hidden=units, joint=(units,)),
        "fnn": FNNConfig(fc=(units, units)),
        "fnn-stack": FNNConfig(fc=(units, units)),
    }


def models(run: Config, networks: Networks, frames: int = 8) -> dict[str, Config]:
    """The run with each model's network; ``fnn-stack`` sees the last ``frames`` observations."""
    models = {model: replace(run, model=network) for model, network in networks.items()}
    return models | {"fnn-stack": replace(models["fnn-stack"], frame_stack=frames)}


OTHERS_NETWORK = _FAST_NETWORK | {"iam": IAMConfig(fc=(256,), hidden=64, joint=(128,), d_set="auto")}
# Classic control, also where Python steps it one by one: few environments, several passes over what they
# show, and numbers brought to one scale, or returns of 500 drown the gradients of the policy.
_CONTROL_PPO = PPOConfig(
    num_envs=16,
    num_steps=128,
    bptt_length=32,
    num_epochs=4,
    minibatch_steps=512,
    gamma=0.99,
    gae_lambda=0.8,
    entropy=0.01,
    normalise_rewards=True,
)
# Every action costs, so episodes do not pay to wait; 8 passes, because a step of it says much.
_CONTINUOUS_PPO = replace(
    _CONTROL_PPO, num_envs=32, num_epochs=8, gae_lambda=0.95, learning_rate=1e-3, entropy=0.0
)
_CONTROL_LAYERS: Any = {"activation": "tanh", "normalise_observations": True}
_CONTROL_NETWORK: Networks = {
    "iam": IAMConfig(**_CONTROL_LAYERS, fc=(64,), hidden=64, joint=(64,), d_set="auto"),
    "rnn": RNNConfig(**_CONTROL_LAYERS, fc=(64,), hidden=64),
    "fnn": FNNConfig(**_CONTROL_LAYERS, fc=(64, 64)),
    "fnn-stack": FNNConfig(**_CONTROL_LAYERS, fc=(64, 64)),
}
_CONTROL_OUTPUT = OutputConfig(num_evaluations=10, eval_episodes=32, final_episodes=100)
_CONTROL = models(Config(ppo=_CONTROL_PPO, total_steps=500_000, output=_CONTROL_OUTPUT), _CONTROL_NETWORK, 4)
_PENDULUM = models(
    Config(ppo=replace(_CONTINUOUS_PPO, gamma=0.95), total_steps=1_000_000, output=_CONTROL_OUTPUT),
    _CONTROL_NETWORK,
    4,
)
# With twice the rate one seed of two never finds the goal.
_CAR_PPO = replace(_CONTINUOUS_PPO, entropy=0.02)
_CAR = models(Config(ppo=_CAR_PPO, total_steps=1_000_000, output=_CONTROL_OUTPUT), _CONTROL_NETWORK, 4)
# Short tasks of gymnax' bsuite whose point is memory: a bit or two from the first step.
_CHAIN_PPO = replace(_CONTROL_PPO, num_envs=128, num_steps=32, entropy=0.02, normalise_rewards=False)
_CHAIN = models(Config(ppo=_CHAIN_PPO, total_steps=1_000_000, output=_CONTROL_OUTPUT), _CONTROL_NETWORK, 8)
# Gradients reach as far as a rollout, and so must the hint; rewards are late, so the discount is near 1.
_TMAZE_PPO = replace(
    _CONTROL_PPO,
    num_envs=128,
    num_steps=128,
    bptt_length=128,
    minibatch_steps=2048,
    gamma=0.999,
    gae_lambda=0.95,
    learning_rate=1e-3,
    entropy=0.02,
    normalise_rewards=False,
)
_TMAZE_OUTPUT = OutputConfig(num_evaluations=20, eval_episodes=256, final_episodes=1000)
_TMAZE = models(Config(ppo=_TMAZE_PPO, total_steps=2_000_000, output=_TMAZE_OUTPUT), alike(64))
# As brax' own and purejaxrl's learners have them; the memory tasks are `--env-args observe=positions`.
_BRAX_PPO = PPOConfig(
    num_envs=1024,
    num_steps=32,
    bptt_length=32,
    num_epochs=4,
    minibatch_steps=2048,
    gamma=0.99,
    gae_lambda=0.95,
    learning_rate=3e-4,
    entropy=0.0,
    normalise_rewards=True,
)
_BRAX_NETWORK: Networks = {
    "iam": IAMConfig(**_CONTROL_LAYERS, fc=(256,), hidden=128, joint=(256,), d_set="auto"),
    "rnn": RNNConfig(**_CONTROL_LAYERS, fc=(256,), hidden=128, joint=(256,)),
    "fnn": FNNConfig(**_CONTROL_LAYERS, fc=(256, 256)),
    "fnn-stack": FNNConfig(**_CONTROL_LAYERS, fc=(256, 256)),
}
_BRAX = models(
    Config(ppo=_BRAX_PPO, total_steps=50_000_000, output=replace(_CONTROL_OUTPUT, eval_episodes=128)),
    _BRAX_NETWORK,
    4,
)
_PLAY_FEW = OutputConfig(num_evaluations=10, eval_episodes=16, final_episodes=100)
"""A game of thousands of pictures takes long."""
_PIXELS_FAST = Config(ppo=_PIXELS_FAST_PPO, total_steps=10_000_000, output=_PLAY_FEW)
_PIXELS_PAPER = Config(ppo=_PIXELS_PAPER_PPO, total_steps=80_000_000, flicker=0.5, output=_PLAY_FEW)
_PIXELS = {
    "fast": models(_PIXELS_FAST, _PIXELS_FAST_NETWORK, frames=4),
    "paper": models(_PIXELS_PAPER, _PIXELS_PAPER_NETWORK, frames=4)
    | {
        "rnn": replace(
            _PIXELS_PAPER,
            model=_PIXELS_PAPER_NETWORK["rnn"],
            ppo=replace(_SHORT_PAPER_PPO, clip_reward=True),
        )
    },
}

TABLE: dict[str, dict[str, dict[str, Config]]] = {
    "warehouse": {
        "fast": models(Config(ppo=_FAST_PPO, total_steps=60_000_000), _FAST_NETWORK),
        "best": models(Config(ppo=_FAST_PPO, total_steps=100_000_000), _BEST_NETWORK),
        "paper": models(Config(ppo=_PAPER_PPO, total_steps=32_000_000), _PAPER_NETWORK),
    },
    "mini-warehouse": {
        "fast": models(Config(ppo=_MINI_FAST_PPO, total_steps=20_000_000), _FAST_NETWORK),
        "best": models(Config(ppo=_MINI_FAST_PPO, total_steps=60_000_000), _BEST_NETWORK),
        "paper": models(Config(ppo=_MINI_PAPER_PPO, total_steps=16_000_000), _MINI_PAPER_NETWORK),
    },
    "traffic": {
        "fast": models(Config(ppo=_TRAFFIC_FAST_PPO, total_steps=30_000_000), _TRAFFIC_FAST_NETWORK, 32),
        "paper": models(Config(ppo=_TRAFFIC_PAPER_PPO, total_steps=16_000_000), _TRAFFIC_PAPER_NETWORK, 32),
    },
    "redbluedoors": {
        "fast": models(Config(ppo=_DOORS_FAST_PPO, total_steps=4_000_000), _DOORS_FAST_NETWORK),
        "paper": models(Config(ppo=_SHORT_PAPER_PPO, total_steps=4_000_000), _DOORS_PAPER_NETWORK),
    },
    "minatar": {
        "fast": models(Config(ppo=_MINATAR_FAST_PPO, total_steps=5_000_000), _MINATAR_FAST_NETWORK),
    },
    "gymnasium": {"fast": _CONTROL},
    "CartPole": {"fast": _CONTROL},
    "Acrobot": {"fast": _CONTROL},
    "Pendulum": {"fast": _PENDULUM},
    "MountainCarContinuous": {"fast": _CAR},
    "MemoryChain": {"fast": _CHAIN},
    "UmbrellaChain": {"fast": _CHAIN},
    "brax": {"fast": _BRAX},
    "tmaze": {"fast": _TMAZE},
    "pong": _PIXELS,
    "breakout": _PIXELS,
    "ale": _PIXELS,
}
"""Family of environments -> preset -> model -> config."""

# With the usual discount, and a memory that reads the d-set that the environment names, or else everything.
OTHERS = models(
    Config(ppo=replace(_FAST_PPO, gamma=0.99, gae_lambda=0.95, burn_in=0), total_steps=60_000_000),
    OTHERS_NETWORK,
)
"""Model -> config, for environments without presets of their own."""
