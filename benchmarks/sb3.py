"""Our environments as Stable-Baselines3's: ``python -m benchmarks.sb3`` trains RecurrentPPO on one of them.

Needs sb3-contrib.
"""

import argparse
import time
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvStepReturn

from benchmarks.timing import check_counts
from envs_jax import as_gymnasium_vector


class VectorEnv(VecEnv):
    """A compiled batch of one of our environments; steps/s are the learner's, not the interface's.

    Args:
      name: As of `envs_jax.make`.
      num_envs: How many.
    """

    def __init__(self, name: str, num_envs: int):
        self._vector = as_gymnasium_vector(name, num_envs)
        super().__init__(num_envs, self._vector.single_observation_space, self._vector.single_action_space)
        self._actions = np.zeros(num_envs, int)

    def reset(self) -> np.ndarray:
        return self._vector.reset(seed=self._seeds[0])[0]

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        obs, reward, terminated, truncated, info = self._vector.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.nonzero(terminated | truncated)[0]:
            infos[i] = {
                "terminal_observation": info["final_obs"][i],
                "TimeLimit.truncated": bool(truncated[i] and not terminated[i]),
            }
        return obs, reward, terminated | truncated, infos

    def close(self) -> None:
        self._vector.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


def main() -> None:
    from sb3_contrib import RecurrentPPO
    from stable_baselines3.common.evaluation import evaluate_policy

    parser = argparse.ArgumentParser(prog="python -m benchmarks.sb3", description=__doc__)
    parser.add_argument("--env", default="tmaze")
    parser.add_argument("--num-envs", type=int, default=16)
    parser.add_argument("--steps", type=int, default=60_000)
    options = parser.parse_args()
    check_counts(parser, options.num_envs, options.steps)
    model = RecurrentPPO(
        "MlpLstmPolicy",
        VectorEnv(options.env, options.num_envs),
        n_steps=64,
        batch_size=256,
        learning_rate=1e-3,
        ent_coef=0.01,
        policy_kwargs={"lstm_hidden_size": 32, "net_arch": [32]},
        seed=0,
        device="cpu",
    )
    began = time.perf_counter()
    model.learn(options.steps)
    seconds = time.perf_counter() - began
    mean, deviation = evaluate_policy(
        model, VectorEnv(options.env, options.num_envs), n_eval_episodes=100, warn=False
    )
    print(f"{options.env}: {options.steps} steps in {seconds:.0f} s, then {mean:.2f} +- {deviation:.2f}")


if __name__ == "__main__":
    main()
