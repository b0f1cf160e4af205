"""An environment of your own, end to end: a T-maze whose only hint is seen in the first observation."""

import jax
import jax.numpy as jnp
import numpy as np

import iam_jax
from envs_jax import Environment, EnvParams, EnvState, spaces


def toss(key):
    return jax.random.bernoulli(key, shape=(9,))


class State(EnvState):  # an observation is a function of the state, so the coins are in it
    goal: jax.Array  # 0 left, 1 right: what must be remembered
    coins: jax.Array


class TMaze(Environment):
    def __init__(self, length=8):
        self.length, self.default_params = length, EnvParams(max_steps_in_episode=length + 2)

    def begin(self, key, params):
        return State(time=jnp.int32(0), goal=toss(key)[0].astype(jnp.int32), coins=toss(key)[1:])

    def advance(self, key, state, action, params):  # 0 left, 1 right; the walk goes on by itself
        paid = jnp.where(action == state.goal, 1.0, -1.0) * (state.time == self.length)
        return state.replace(time=state.time + 1, coins=toss(key)[1:]), paid

    def observe(self, state, params):  # the hint, whether this is the junction, the coins
        hint = jax.nn.one_hot(state.goal, 2) * (state.time == 0)
        return jnp.r_[hint, state.time == self.length, state.coins]

    def is_terminated(self, state, params):
        return state.time > self.length

    def action_space(self, params=None):
        return spaces.Discrete(2)

    def observation_space(self, params=None):
        return spaces.Box(0.0, 1.0, (3 + 8,))

    def d_set(self, params=None):
        return (0, 1, 2)  # all that the memory need read

    def render(self, state, params=None):
        maze = np.full((3, self.length + 1, 3), 40, np.uint8)
        maze[1], maze[:, -1], maze[2 * int(state.goal), -1] = 90, 90, 180
        maze[1, min(int(state.time), self.length)] = 255
        return maze.repeat(24, 0).repeat(24, 1)


if __name__ == "__main__":
    config = iam_jax.preset("t-maze", num_envs=256, num_steps=36, bptt_length=36, total_steps=300_000)
    for model in (config.model, iam_jax.FNNConfig(fc=(64,))):
        chosen = config.replace(model=model)
        run = iam_jax.train(chosen, env=TMaze, run_dir=f"runs/{model.kind}", display=False)
        print(f"{model.kind}: mean return {run.agent.evaluate(episodes=1000).mean:.2f}")
