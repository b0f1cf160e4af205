"""memorax's PPO, one update per line that comes in: ``PYTHON benchmarks/memorax_loop.py CartPole-v1 16``.

A program of its own, because memorax may be installed for another Python than ours; `benchmarks.peers` starts
it and takes turns with it. Policy and value are separate networks there, each with a layer of 128, a GRU of
128 and a linear head. Prints "ready", and then "done" behind each update.
"""

import sys
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import optax
from memorax.algorithms import PPO, PPOConfig
from memorax.networks import MLP, RNN, FeatureExtractor, Network, heads

UNITS, NUM_STEPS = 128, 128


class OneDone:
    """An environment of gymnax 1.0's contract as memorax calls one: terminated or truncated is done."""

    def __init__(self, env: Any):
        self._env = env

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)

    def step(self, key: jax.Array, state: Any, action: jax.Array, params: Any) -> Any:
        obs, state, reward, *done, _ = self._env.step(key, state, action, params)
        return obs, state, reward, reduce(or_, done), {}


def make(name: str, num_envs: int) -> Any:
    """A function that does one update."""
    if name == "warehouse":
        sys.path.insert(0, str(Path(__file__).parent.parent))
        import envs_jax

        env, params = envs_jax.make(name)
    else:
        import gymnax

        env, params = gymnax.make(name)
    config = PPOConfig(
        name="ppo", num_envs=num_envs, num_eval_envs=1, num_steps=NUM_STEPS, gamma=0.99, gae_lambda=0.95,
        num_minibatches=4, update_epochs=4, normalize_advantage=True, clip_coef=0.2, clip_vloss=True,
        ent_coef=0.01, vf_coef=0.5,
    )  # fmt: skip
    extractor = FeatureExtractor(observation_extractor=MLP(features=(UNITS,)))
    torso = RNN(cell=nn.GRUCell(features=UNITS))
    optimiser = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(2.5e-4, eps=1e-5))
    actor = Network(extractor, torso, heads.Categorical(env.action_space(params).n))
    critic = Network(extractor, torso, heads.VNetwork())
    agent = PPO(config, OneDone(env), params, actor, critic, optimiser, optimiser)
    key, state = agent.init(jax.random.key(0))

    def update() -> None:
        nonlocal key, state
        key, state, _ = agent.train(key, state, num_steps=num_envs * NUM_STEPS)
        jax.block_until_ready(state.actor_params)

    return update


def main() -> None:
    name, num_envs = sys.argv[1:]
    update = make(name, int(num_envs))
    update()
    print("ready", flush=True)
    for _ in sys.stdin:
        update()
        print("done", flush=True)


if __name__ == "__main__":
    main()
