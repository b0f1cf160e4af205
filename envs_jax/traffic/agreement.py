"""How closely the JAX rules follow SUMO: ``python -m envs_jax.traffic.agreement``. Needs SUMO.

Episodes are recorded in SUMO and replayed by the JAX rules with the same actions and the same random
numbers; then reference policies are played by both with random numbers of their own.
"""

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.reference import BATCH, policy_returns
from envs_jax.traffic import dynamics, network
from envs_jax.traffic.env import Traffic
from envs_jax.traffic.policies import POLICIES
from envs_jax.traffic.state import Params, State
from envs_jax.traffic.sumo import Sumo, Trace

Step = Callable[[State, jax.Array, jax.Array, Params], tuple[State, jax.Array]]

FIXED = ("always north", "always west", "random", "clock 4", "clock 8", "clock 16", "clock 27", "clock 30")
"""Policies that need nothing but the time, so that they play in SUMO as well."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What differs between episodes of SUMO and their replay.

    Attributes:
      episodes: Number of traces.
      steps: Their steps together.
      position: Largest difference of a car's place along the loop, in metres.
      speed: Largest difference of a car's speed, in m/s.
      episode_return: Largest difference of an episode's return.
      light: Steps with another light.
      presence: Cars on the road in one and not in the other, summed over steps.
      reward: Steps with another reward.
      observation: Share of observation values that differ.
    """

    episodes: int
    steps: int
    position: float
    speed: float
    episode_return: float
    light: int
    presence: int
    reward: int
    observation: float


def record(params: Params, episodes: int, seed: int) -> list[Trace]:
    """Episodes of SUMO under random actions, random clocks and requests that are held for random times."""
    rng = np.random.default_rng(seed)
    sumo = Sumo(params)
    traces = []
    for episode in range(episodes):
        actions = _actions(rng, episode, params.max_steps_in_episode)
        traces.append(_play(sumo, rng, actions))
    sumo.close()
    return traces


def compare(traces: Sequence[Trace], params: Params, step: Step = dynamics.step) -> Agreement:
    """Replays SUMO's episodes.

    Args:
      traces: Recorded episodes.
      params: What they were recorded with.
      step: The rules to replay them with.
    """
    replay = jax.jit(partial(_replay, step, params))
    begin = np.cumsum(network.LANE_LENGTH) - network.LANE_LENGTH
    parts = []
    for trace in traces:
        routes, noise = trace.routes.astype(np.int32), trace.noise
        light, views, reward, observation = jax.tree.map(
            np.asarray, replay(routes, trace.light_before, trace.action, noise)
        )
        lane, position, speed, driving = views
        both = driving & trace.driving
        apart = begin[lane] + position - begin[trace.lane] - trace.position
        apart = np.abs((apart + network.LOOP_LENGTH / 2) % network.LOOP_LENGTH - network.LOOP_LENGTH / 2)
        parts.append(
            (
                len(reward),
                np.max(apart, where=both, initial=0),
                np.max(np.abs(speed - trace.speed), where=both, initial=0),
                abs(reward.sum(dtype=float) - trace.reward.sum()),
                (light != trace.light).sum(),
                (driving != trace.driving).sum(),
                (np.abs(reward - trace.reward) > 1e-3).sum(),
                (observation != trace.observation).mean() * len(reward),
            )
        )
    steps, position, speed, episode_return, light, presence, reward, observation = zip(*parts, strict=True)
    return Agreement(
        episodes=len(parts),
        steps=sum(steps),
        position=float(np.max(position)),
        speed=float(np.max(speed)),
        episode_return=float(np.max(episode_return)),
        light=int(sum(light)),
        presence=int(sum(presence)),
        reward=int(sum(reward)),
        observation=float(sum(observation) / sum(steps)),
    )


def sumo_returns(params: Params, policy: str, episodes: int, seed: int) -> np.ndarray:
    """Returns of one of the `FIXED` policies in SUMO, float[episodes]."""
    rng = np.random.default_rng(seed)
    sumo = Sumo(params)
    returns = []
    for _ in range(episodes):
        actions = _policy_actions(rng, policy, params.max_steps_in_episode)
        returns.append(_play(sumo, rng, actions).reward.sum())
    sumo.close()
    return np.array(returns)


def _play(sumo: Sumo, rng: np.random.Generator, actions: np.ndarray) -> Trace:
    """One episode with given requests and random routes and drivers."""
    routes = rng.random(sumo.params.num_cars) < sumo.params.west_start_probability
    return sumo.record(int(rng.integers(1, 10**6)), routes, lambda time, _: int(actions[time]))


def _replay(step: Step, params: Params, routes: Any, light_before: Any, actions: Any, noise: Any) -> Any:
    """Light, lane views, rewards and observations after each step of one episode."""

    def one(state: State, inputs: Any) -> Any:
        action, noise = inputs
        state, reward = step(state, action, noise, params)
        return state, (state.light, dynamics.lane_view(state), reward, dynamics.observe(state, params))

    light, yellow_left = light_before
    state = dynamics.reset(routes, params)
    state = state.replace(light=jnp.int32(light), yellow_left=jnp.int32(yellow_left))
    return jax.lax.scan(one, state, (actions, noise))[1]


def _actions(rng: np.random.Generator, episode: int, steps: int) -> np.ndarray:
    """Requests of one episode, int[steps]."""
    kind = episode % 3
    if kind == 0:
        return rng.integers(0, 2, steps)
    if kind == 1:
        return np.arange(steps) // rng.integers(2, 40) % 2
    return np.cumsum(rng.random(steps) < rng.choice([0.03, 0.1])) % 2


def _policy_actions(rng: np.random.Generator, policy: str, steps: int) -> np.ndarray:
    kind, _, argument = policy.partition(" ")
    if kind == "always":
        return np.full(steps, ["north", "west"].index(argument))
    if kind == "random":
        return rng.integers(0, 2, steps)
    return np.arange(steps) // int(argument) % 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m envs_jax.traffic.agreement", description=__doc__)
    parser.add_argument("--episodes", type=int, default=60, help="replayed, with and without dawdling")
    parser.add_argument("--policy-episodes", type=int, default=200, help="of each policy in SUMO")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file")
    options = parser.parse_args()
    if min(options.episodes, options.policy_episodes) < 1:
        parser.error("episodes must be at least 1")
    try:
        Sumo()
    except ValueError as error:
        parser.error(str(error))
    replays, returns = [], []
    for label, params in (("no dawdling", Params(sigma=0.0)), ("dawdling", Params())):
        traces = record(params, options.episodes, options.seed)
        for width in (64, 32):
            with jax.enable_x64(width == 64):
                result = compare(traces, params)
            replays.append({"drivers": label, "float": width} | dataclasses.asdict(result))
            print(replays[-1], flush=True)
    env = Traffic()
    for policy in FIXED:
        theirs = sumo_returns(Params(), policy, options.policy_episodes, options.seed)
        ours = np.asarray(
            policy_returns(env, Params(), POLICIES[policy], jax.random.key(options.seed), 20 * BATCH)
        )
        row: dict[str, Any] = {"policy": policy}
        for name, values in (("sumo", theirs), ("jax", ours)):
            row |= {name: float(values.mean()), f"{name}_se": float(values.std() / len(values) ** 0.5)}
        row["z"] = (row["sumo"] - row["jax"]) / np.hypot(row["sumo_se"], row["jax_se"])
        returns.append(row)
        print(
            "{policy:12} SUMO {sumo:8.3f} ± {sumo_se:.3f}  JAX {jax:8.3f} ± {jax_se:.3f}  z {z:5.2f}".format(
                **row
            )
        )
    if options.output:
        command = f"python -m envs_jax.traffic.agreement --episodes {options.episodes}"
        command += f" --policy-episodes {options.policy_episodes} --seed {options.seed}"
        options.output.write_text(
            json.dumps({"command": command, "replays": replays, "returns": returns}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
