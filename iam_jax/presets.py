"""Ready configs per environment and model: `preset("warehouse", "fast", "iam")`.

- ``fast``: thousands of environments, chosen by experiment (docs/warehouse.md).
- ``best``: the same for longer and with a larger network.
- ``paper``: sizes and learner as published (Suau et al. 2022), 8 environments. The faults of the
  published learner are not copied: memory is reset where an episode begins inside a sequence, no
  transition is dropped, and returns come from every environment.
"""

from dataclasses import replace
from typing import Any

from iam_jax.config import Config, ConfigError, ModelConfig, PPOConfig

PRESETS = ("fast", "best", "paper")
MODELS = ("iam", "rnn", "fnn", "fnn-stack")

# One pass in many small steps: a fresh sample costs hardly more than reading an old one again. The
# entropy bonus must be high at first and fall slowly, or the policy settles on the nearest item.
_FAST_PPO = PPOConfig(num_epochs=1, num_minibatches=128, entropy=0.2, burn_in=100)
# Items live twice as long and pay by age, so gradients and advantages must reach further.
_MINI_FAST_PPO = replace(
    _FAST_PPO,
    num_steps=16,
    bptt_length=16,
    num_minibatches=256,
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
    num_minibatches=32,
    gamma=0.98,
    gae_lambda=0.95,
    entropy=0.1,
    burn_in=250,
)
_FAST_NETWORK = {
    "iam": ModelConfig("iam", fc=(256,), hidden=64, joint=(128,)),
    "rnn": ModelConfig("rnn", fc=(256,), hidden=128, joint=(128,)),
    "fnn": ModelConfig("fnn", fc=(256, 128)),
    "fnn-stack": ModelConfig("fnn", fc=(256, 128)),
}
_BEST_NETWORK = {
    "iam": ModelConfig("iam", fc=(256,), hidden=64, joint=(256, 128)),
    "rnn": ModelConfig("rnn", fc=(256,), hidden=128, joint=(256, 128)),
    "fnn": ModelConfig("fnn", fc=(256, 256, 128)),
    "fnn-stack": ModelConfig("fnn", fc=(256, 256, 128)),
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
_PAPER_LAYERS = ModelConfig(cell="lstm", activation="relu", init="glorot", bias=False)
_PAPER_BASELINES = {
    # The published LSTM baseline builds its 640-unit layer but feeds the raw observation to the
    # LSTM; here the layer is connected. `--fc` with no number gives the published one.
    "rnn": replace(_PAPER_LAYERS, architecture="rnn", fc=(640,), hidden=256),
    "fnn": replace(_PAPER_LAYERS, architecture="fnn", fc=(640, 256)),
    "fnn-stack": replace(_PAPER_LAYERS, architecture="fnn", fc=(640, 256)),
}
_PAPER_NETWORK = {"iam": replace(_PAPER_LAYERS, fc=(576, 256), hidden=64), **_PAPER_BASELINES}
_MINI_PAPER_NETWORK = {"iam": replace(_PAPER_LAYERS, fc=(256, 256), hidden=128), **_PAPER_BASELINES}
_TRAFFIC_FAST_NETWORK = {
    "iam": ModelConfig("iam", fc=(64,), hidden=64, joint=(64,), d_set_size=8),
    "rnn": ModelConfig("rnn", fc=(64,), hidden=64, joint=(64,)),
    "fnn": ModelConfig("fnn", fc=(128, 64)),
    "fnn-stack": ModelConfig("fnn", fc=(128, 64)),
}
# The published manual d-set; with the static one the paper has `--fc 248 64 --hidden 8`.
_TRAFFIC_PAPER_NETWORK = {
    "iam": replace(_PAPER_LAYERS, fc=(128, 128), hidden=128),
    "rnn": replace(_PAPER_LAYERS, architecture="rnn", fc=(256,), hidden=128),
    "fnn": replace(_PAPER_LAYERS, architecture="fnn", fc=(512, 256)),
    "fnn-stack": replace(_PAPER_LAYERS, architecture="fnn", fc=(512, 256)),
}

_FAST = Config(ppo=_FAST_PPO, total_steps=60_000_000)
_BEST = Config(ppo=_FAST_PPO, total_steps=100_000_000)
_MINI_FAST = Config(ppo=_MINI_FAST_PPO, total_steps=20_000_000)
_MINI_BEST = Config(ppo=_MINI_FAST_PPO, total_steps=60_000_000)
_PAPER = Config(ppo=_PAPER_PPO, total_steps=32_000_000)
_MINI_PAPER = Config(ppo=_MINI_PAPER_PPO, total_steps=16_000_000)
_TRAFFIC_FAST = Config(ppo=_TRAFFIC_FAST_PPO, total_steps=30_000_000)
_TRAFFIC_PAPER = Config(ppo=_TRAFFIC_PAPER_PPO, total_steps=16_000_000)

_TABLE = {
    "warehouse": {
        "fast": (_FAST, _FAST_NETWORK),
        "best": (_BEST, _BEST_NETWORK),
        "paper": (_PAPER, _PAPER_NETWORK),
    },
    "mini-warehouse": {
        "fast": (_MINI_FAST, _FAST_NETWORK),
        "best": (_MINI_BEST, _BEST_NETWORK),
        "paper": (_MINI_PAPER, _MINI_PAPER_NETWORK),
    },
    "traffic": {
        "fast": (_TRAFFIC_FAST, _TRAFFIC_FAST_NETWORK),
        "paper": (_TRAFFIC_PAPER, _TRAFFIC_PAPER_NETWORK),
    },
}
"""Environment -> preset -> run and learner, and the network of each model."""
FRAMES = {"traffic": 32}
"""Frames of ``fnn-stack``, as published; 8 elsewhere."""


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
    if name in _TABLE.get(env, {}):
        run, networks = _TABLE[env][name]
        network = networks[model]
    elif name == "fast":
        run = replace(_FAST, ppo=replace(_FAST_PPO, gamma=0.99, gae_lambda=0.95, burn_in=0))
        network = replace(_FAST_NETWORK[model], d_set="identity")
    else:
        known = ", ".join(_TABLE.get(env, ["fast"]))
        raise ConfigError(f"{env} has no preset {name!r} (but {known}).")
    frames = FRAMES.get(env, 8) if model == "fnn-stack" else 1
    choice: Any = {"env": env, "preset": name, "model": model}
    return replace(run, **choice, frame_stack=frames, network=network)


def describe() -> str:
    """All presets as lines of text."""
    lines = []
    for env, presets in _TABLE.items():
        for name, (run, networks) in presets.items():
            ppo = run.ppo
            lines.append(
                f"{env} --preset {name}: {run.total_steps / 1e6:g}M steps, {ppo.num_envs} environments x "
                f"{ppo.num_steps} steps, {ppo.num_epochs} epochs of {ppo.num_minibatches} minibatches, "
                f"discount {ppo.gamma}, lambda {ppo.gae_lambda}"
            )
            lines += [
                f"  --model {model}: {_sizes(network, env, model)}" for model, network in networks.items()
            ]
        lines.append("")
    return "\n".join(lines)


def _sizes(network: ModelConfig, env: str, model: str) -> str:
    layers = ",".join(map(str, network.fc))
    joint = f", then {','.join(map(str, network.joint))}" if network.joint else ""
    if network.architecture == "fnn":
        return f"FC {layers}{joint}" + (f" on {FRAMES.get(env, 8)} frames" if model == "fnn-stack" else "")
    link = "beside" if network.architecture == "iam" else "before"
    return f"FC {layers} {link} {network.cell.upper()} {network.hidden}{joint}"
