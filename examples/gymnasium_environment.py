"""An environment of gymnasium: CartPole with its velocities hidden, so that a memory must find them."""

import gymnasium
import numpy as np

import iam_jax


class WithoutVelocities(gymnasium.ObservationWrapper):
    """Cart position and pole angle alone."""

    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def observation(self, observation):
        return observation[[0, 2]]


def make_env(render_mode=None):
    return WithoutVelocities(gymnasium.make("CartPole-v1", render_mode=render_mode))


if __name__ == "__main__":
    config = iam_jax.preset(
        "gymnasium:CartPole-v1", model="rnn", total_steps=150_000, num_evaluations=4, final_episodes=50
    )
    untrained = iam_jax.train(
        config.replace(total_steps=1), env=make_env, run_dir="runs/cartpole-untrained", display=False
    )
    trained = iam_jax.train(config, env=make_env, run_dir="runs/cartpole", display=False)
    before, after = (run.outcome.result.mean for run in (untrained, trained))
    print(f"mean return: {before:.0f} after one update, {after:.0f} after {config.total_steps:,} steps")
