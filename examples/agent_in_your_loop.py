"""An agent in somebody else's loop: its memory is carried by hand, and drawn over an episode.

python examples/agent_in_your_loop.py [RUN]      # the folder of a run, or else one is trained for a moment
"""

import sys

import jax
import matplotlib
import numpy as np

import iam_jax

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def play(agent, seed=0):
    """One episode: its return, and the memory after each step, float[T, H]."""
    env, params = agent.env, agent.actor.env_params
    reset, step = jax.jit(env.reset), jax.jit(env.step)
    key, total, memories = jax.random.key(seed), 0.0, []
    obs, state = reset(key, params)
    carry, first, done = agent.initial_carry(batch_size=1), True, False
    while not done:
        key, key_step = jax.random.split(key)
        action, carry = agent.act(np.asarray(obs), carry, first)  # greedy; with key=... sampled
        obs, state, reward, terminated, truncated, _ = step(key_step, state, action, params)
        memories.append(np.asarray(carry[0][0]))
        total, first, done = total + float(reward), False, bool(terminated | truncated)
    return total, np.stack(memories)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        agent = iam_jax.load(sys.argv[1])
    else:
        config = iam_jax.preset("warehouse", num_envs=512, total_steps=2_000_000, num_evaluations=2)
        agent = iam_jax.train(config, run_dir="runs/example", display=False).agent
    total, memories = play(agent)
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    picture = axes.imshow(memories.T, aspect="auto", cmap="coolwarm", vmin=-1, vmax=1)
    axes.set(xlabel="step of the episode", ylabel="unit of the memory", title=f"return {total:.0f}")
    figure.colorbar(picture, label="activity")
    figure.savefig("memory.png", dpi=120)
    print(f"return {total:.0f}; {memories.shape[1]} units over {len(memories)} steps drawn in memory.png")
