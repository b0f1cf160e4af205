"""`check_env`: the contract that every environment passes, for ours and for yours."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax.environment import begins_episode

Arrays = Any


def check_env(env: Any, params: Any, *, num_envs: int = 4, num_steps: int = 300) -> None:
    """Plays random actions and checks what every learner relies on.

    Args:
      env: The environment.
      params: Its params.
      num_envs: Copies stepped together.
      num_steps: Steps of each; should cover at least one episode's end.

    Raises:
      AssertionError: With a sentence that says which rule is broken.
    """
    key_reset, key_actions, key_steps = jax.random.split(jax.random.key(0), 3)
    reset = jax.jit(jax.vmap(env.reset, (0, None)))
    step = jax.jit(jax.vmap(env.step, (0, 0, 0, None)))
    reset_keys = jax.random.split(key_reset, num_envs)
    obs, state = reset(reset_keys, params)
    _check_observation(env, params, obs, "reset")
    external = getattr(env, "external", False)
    if not external:  # else a second call would step what it should only look at
        _check_equal(reset(reset_keys, params)[0], obs, "reset is not a function of its key")
        _check_single(env, params, reset_keys[0])

    space = env.action_space(params)
    sample = jax.jit(jax.vmap(space.sample))
    ended = np.zeros(num_envs, bool)
    structure = jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), state)
    for t in range(num_steps):
        action = sample(jax.random.split(jax.random.fold_in(key_actions, t), num_envs))
        keys = jax.random.split(jax.random.fold_in(key_steps, t), num_envs)
        result = step(keys, state, action, params)
        assert len(result) == 6, (
            "step must return observation, state, reward, terminated, truncated, info, "
            f"not {len(result)} values"
        )
        if t == 0 and not external:
            _check_equal(step(keys, state, action, params)[0], result[0], "step is not a function of its key")
        obs, state, reward, terminated, truncated, info = result
        _check_observation(env, params, obs, "step")
        _check_observation(env, params, info["final_observation"], 'info["final_observation"]')
        _check_scalars(reward, terminated, truncated, num_envs)
        now = jax.tree.map(lambda x: (jnp.shape(x), jnp.result_type(x)), state)
        assert now == structure, f"step changes shapes or dtypes of the state: {structure} to {now}"
        ended |= np.asarray(terminated | truncated)
        going = ~np.asarray(begins_episode(info, terminated | truncated))
        _check_equal(
            np.asarray(obs)[going],
            np.asarray(info["final_observation"])[going],
            "within an episode, final_observation must be the observation",
        )
    limit = int(params.max_steps_in_episode)
    assert ended.all() or num_steps < limit, f"no episode ended in {num_steps} steps, limit {limit}"
    _check_extras(env, params, jax.tree.map(lambda x: x[0], state))


def _check_observation(env: Any, params: Any, obs: Arrays, source: str) -> None:
    space = env.observation_space(params)
    assert obs.shape[1:] == tuple(space.shape), (
        f"{source}: observation has shape {obs.shape[1:]}, its space {tuple(space.shape)}"
    )
    assert obs.dtype == jnp.dtype(space.dtype), (
        f"{source}: observation is {obs.dtype}, its space {jnp.dtype(space.dtype)}"
    )
    assert bool(jnp.all(jax.vmap(space.contains)(obs))), f"{source}: observation outside its space"


def _check_scalars(reward: Arrays, terminated: Arrays, truncated: Arrays, num_envs: int) -> None:
    assert reward.shape == (num_envs,), f"reward must be a scalar, not {reward.shape[1:]}"
    assert jnp.issubdtype(reward.dtype, jnp.floating), f"reward must be a float, not {reward.dtype}"
    for name, flag in (("terminated", terminated), ("truncated", truncated)):
        assert flag.shape == (num_envs,) and flag.dtype == bool, f"{name} must be a bool scalar"


def _check_single(env: Any, params: Any, key: jax.Array) -> None:
    """The hooks below `step` that gymnax's contract names."""
    obs, state = env.reset_env(key, params)
    action = env.action_space(params).sample(key)
    result = env.step_env(key, state, action, params)
    assert len(result) == 5, "step_env must return observation, state, reward, terminated, info"
    observed = env.observe(key, state, None, params)
    assert observed.shape == obs.shape, "observe and reset_env differ in shape"
    assert not bool(env.is_terminated(state, params)), "an episode begins terminated"
    assert env.num_actions == env.action_space(params).n, "num_actions and action_space differ"


def _check_extras(env: Any, params: Any, state: Any) -> None:
    """What an environment may offer beyond gymnax's contract."""
    if hasattr(env, "d_set"):
        size = int(np.prod(env.observation_space(params).shape))
        indices = list(env.d_set(params))
        assert len(set(indices)) == len(indices), "d_set repeats an index"
        assert all(0 <= i < size for i in indices), f"d_set reaches outside the {size} variables"
    if hasattr(env, "render"):
        image = env.render(state)
        assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8, (
            "render must return uint8[H, W, 3]"
        )
    if hasattr(env, "hidden"):
        jax.eval_shape(env.hidden, state)
    if hasattr(env, "policies"):
        for name, policy in env.policies().items():
            action = jax.eval_shape(partial(policy, params=params), jax.random.key(0), state)
            assert action.shape == (), f"policy {name!r} must return one action"


def _check_equal(a: Arrays, b: Arrays, message: str) -> None:
    assert np.array_equal(np.asarray(a), np.asarray(b)), message
