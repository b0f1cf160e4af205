"""`check_env`: the contract that every environment passes, for ours and for yours."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from envs_jax import spaces
from envs_jax.blame import ContractError, blame
from envs_jax.environment import Environment, outcome

__all__ = ["ContractError", "check_env"]


def check_env(env: Environment, params: Any, *, num_envs: int = 4, num_steps: int = 300) -> None:
    """Plays random actions and checks what every learner relies on.

    What reset and step return is looked at before anything is compiled, so that a wrong shape, or an
    exception in the environment's own code, is named where it arises.

    Args:
      env: The environment.
      params: Its params.
      num_envs: Copies stepped together, where there can be several.
      num_steps: Steps of each; should cover at least one episode's end.

    Raises:
      ContractError: With a sentence that says which rule is broken.
    """
    if not isinstance(env, Environment):
        raise ContractError(
            f"{type(env).__name__} is no envs_jax.environment.Environment: derive it from that, or hand "
            "it to envs_jax.adapt first"
        )
    limit = _time_limit(params)
    _check_spaces(env, params)
    _check_shapes(env, params)
    if not env.external and type(env).begin is not Environment.begin:
        _check_beginning(env, params, num_envs)
    state, ended = _play(env, params, 1 if env.single else num_envs, num_steps)
    if not ended and num_steps >= limit:
        raise ContractError(
            f"no episode ended in {num_steps} steps, limit {limit}: state.time must count the steps, or "
            "is_truncated say when the limit is reached"
        )
    _check_extras(env, params, jax.tree.map(lambda x: x[0], state))


def _time_limit(params: Any) -> int:
    try:
        limit = int(params.max_steps_in_episode)
    except AttributeError:
        raise ContractError(
            f"the params, {type(params).__name__}, have no max_steps_in_episode: every environment has a "
            "time limit, which envs_jax.environment.EnvParams declares"
        ) from None
    _require(limit >= 1, f"max_steps_in_episode must be at least 1, not {limit}")
    return limit


def _check_spaces(env: Environment, params: Any) -> None:
    for method in (env.action_space, env.observation_space):
        with blame(env, method.__name__):
            space = method(params)
        name = type(space).__name__
        _require(
            isinstance(space, spaces.Space),
            f"{method.__name__} must be one of envs_jax.spaces (Discrete, MultiDiscrete, Box, Tuple, Dict), "
            f"not {type(space).__module__}.{name}",
        )


def _check_shapes(env: Environment, params: Any) -> None:
    """What reset and step return for one environment, without running them."""
    key = jax.random.key(0)
    with blame(env, "reset"):
        begun = jax.eval_shape(lambda key: env.reset(key, params), key)
    _require(
        isinstance(begun, tuple) and len(begun) == 2,
        f"reset must return observation and state, not {_number_of(begun)}",
    )
    obs, state = begun
    _check_observation(env, params, obs, "reset")

    def step(key: jax.Array, state: Any) -> Any:
        return env.step(key, state, env.action_space(params).sample(key), params)

    with blame(env, "step"):
        step_returns = jax.eval_shape(step, key, state)
    _require(
        isinstance(step_returns, tuple) and len(step_returns) == 6,
        "step must return observation, state, reward, terminated, truncated, info, "
        f"not {_number_of(step_returns)}",
    )
    obs, stepped, reward, terminated, truncated, info = step_returns
    _check_observation(env, params, obs, "step")
    _check_scalars(reward, terminated, truncated)
    _check_same_state(state, stepped)
    _check_info(env, info)
    _check_observation(env, params, info["final_observation"], 'info["final_observation"]')


def _check_observation(env: Environment, params: Any, obs: Any, source: str) -> None:
    """Shape and dtype of one observation."""
    for name, space, part in _parts(env.observation_space(params), obs, "observation"):
        shape, dtype = np.shape(part), jnp.result_type(part)
        _require(
            shape == tuple(space.shape), f"{source}: {name} has shape {shape}, its space {tuple(space.shape)}"
        )
        wanted = jnp.dtype(space.dtype)
        _require(dtype == wanted, f"{source}: {name} is {dtype}, its space {wanted}")


def _parts(space: Any, obs: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """The name, space and value of every array of an observation."""
    if isinstance(space, spaces.Tuple):
        fits = isinstance(obs, tuple) and len(obs) == len(space.spaces)
        _require(
            fits, f"{name} must be a tuple of {len(space.spaces)}, as its space is, not {_number_of(obs)}"
        )
        for i, (inner, part) in enumerate(zip(space.spaces, obs, strict=True)):
            yield from _parts(inner, part, f"{name}[{i}]")
    elif isinstance(space, spaces.Dict):
        fits = isinstance(obs, dict) and set(obs) == set(space.spaces)
        _require(fits, f"{name} must be a dict of {', '.join(space.spaces)}, as its space is")
        for key, inner in space.spaces.items():
            yield from _parts(inner, obs[key], f"{name}[{key!r}]")
    else:
        fits = isinstance(space, spaces.Space) and not isinstance(obs, tuple | list | dict)
        _require(fits, f"{name} must be one array, as its space is, not {_number_of(obs)}")
        yield name, space, obs


def _check_scalars(reward: Any, terminated: Any, truncated: Any) -> None:
    _require(np.shape(reward) == (), f"reward must be a scalar, not of shape {np.shape(reward)}")
    dtype = jnp.result_type(reward)
    _require(jnp.issubdtype(dtype, jnp.floating), f"reward must be a float, not {dtype}")
    for name, flag in (("terminated", terminated), ("truncated", truncated)):
        fits = np.shape(flag) == () and jnp.issubdtype(jnp.result_type(flag), jnp.bool_)
        _require(fits, f"{name} must be a bool scalar, not {jnp.result_type(flag)} of shape {np.shape(flag)}")


def _check_same_state(before: Any, after: Any) -> None:
    """A state's structure, shapes and dtypes never change; else no loop can carry it."""
    old, new = _leaves(before), _leaves(after)
    for path in {**old, **new}:
        has, lacks = ("reset", "step") if path in old else ("step", "reset")
        _require(
            path in old and path in new,
            f"the state that {has} returns has the leaf state{path}, and that of {lacks} lacks it",
        )
        _require(
            old[path] == new[path],
            f"step changes the leaf state{path} from {old[path]} to {new[path]}: shapes and dtypes must stay",
        )


def _leaves(state: Any) -> dict[str, str]:
    """Path -> dtype and shape."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {
        jax.tree_util.keystr(path): f"{jnp.result_type(leaf)}{list(np.shape(leaf))}" for path, leaf in leaves
    }


def _check_info(env: Environment, info: Any) -> None:
    _require(isinstance(info, dict), f"info must be a dict, not {type(info).__name__}")
    wanted = {"final_observation": True, "reset_step": env.late_reset, "game_over": env.has_lives}
    for name, due in wanted.items():
        _require(not due or name in info, f"info lacks {name!r}; see envs_jax.environment.Environment")


def _check_beginning(env: Environment, params: Any, num_envs: int) -> None:
    def begin(key: jax.Array) -> tuple[jax.Array, Any]:
        state = env.begin(env.draw(key, params), params)
        return env.is_terminated(state, params), env.observe(state, params)

    with blame(env, "begin, is_terminated or observe"):
        over, obs = jax.jit(jax.vmap(begin))(jax.random.split(jax.random.key(0), num_envs))
        opening = env.opening(params)
    _require(not np.any(over), "an episode begins terminated: is_terminated(begin(...)) must be False")
    if opening is not None:
        _check_observation(env, params, opening, "opening")
        _check_equal(
            jax.tree.map(lambda x: jnp.broadcast_to(x, (num_envs, *x.shape)), opening),
            obs,
            "opening must be what observe shows of every first state",
        )


def _play(env: Environment, params: Any, num_envs: int, num_steps: int) -> tuple[Any, bool]:
    """The state after random play, and whether an episode of every environment ended."""
    key_reset, key_actions, key_steps = jax.random.split(jax.random.key(0), 3)
    reset = jax.jit(jax.vmap(lambda key: env.reset(key, params)))
    step = jax.jit(jax.vmap(lambda key, state, action: env.step(key, state, action, params)))
    sample = jax.jit(jax.vmap(partial(_legal_action, env, params)))
    with blame(env, "reset"):
        obs, state = reset(jax.random.split(key_reset, num_envs))
    _check_contained(env, params, obs, "reset")
    if not env.external:  # else a second call would step what it should only look at
        again, _ = reset(jax.random.split(key_reset, num_envs))
        _check_equal(again, obs, "reset is not a function of its key: draw everything from it")
    ended = np.zeros(num_envs, bool)
    for t in range(num_steps):
        _check_legal(env, params, state, t)
        action = sample(jax.random.split(jax.random.fold_in(key_actions, t), num_envs), state)
        keys = jax.random.split(jax.random.fold_in(key_steps, t), num_envs)
        with blame(env, "step"):
            result = step(keys, state, action)
        if t == 0 and not env.external:
            again, *_ = step(keys, state, action)
            _check_equal(again, result[0], "step is not a function of its key: draw everything from it")
        _require(env.failure is None, f"step of {env.name} fails in step {t}: {env.failure}")
        now = outcome(env, result)
        _check_contained(env, params, now.obs, "step")
        _check_contained(env, params, now.final_obs, 'info["final_observation"]')
        _require(np.isfinite(now.reward).all(), f"reward is NaN or infinite in step {t}")
        going = ~np.asarray(now.first)
        _check_equal(
            jax.tree.map(lambda x: np.asarray(x)[going], now.obs),  # noqa: B023  used at once
            jax.tree.map(lambda x: np.asarray(x)[going], now.final_obs),  # noqa: B023
            "within an episode, final_observation must be the observation",
        )
        ended |= np.asarray(now.terminated | now.truncated)
        state = now.state
    return state, bool(ended.all())


def _legal_action(env: Environment, params: Any, key: jax.Array, state: Any) -> Any:
    """A random action among those that a state allows."""
    legal, space = env.legal_actions(state, params), env.action_space(params)
    return space.sample(key) if legal is None else space.sample(key, legal)


def _check_legal(env: Environment, params: Any, state: Any, step: int) -> None:
    """Action masks of a batch of states."""
    with blame(env, "legal_actions"):
        legal = jax.vmap(lambda state: env.legal_actions(state, params))(state)
    if legal is None:
        return
    space = env.action_space(params)
    _require(
        isinstance(space, spaces.Discrete | spaces.MultiDiscrete),
        f"legal_actions goes with Discrete and MultiDiscrete actions, not {type(space).__name__}",
    )
    size = sum(space.encoded_sizes)
    fits = legal.shape[1:] == (size,) and legal.dtype == bool
    _require(fits, f"legal_actions must be bool[{size}], not {legal.dtype}{list(legal.shape[1:])}")
    for choice in np.split(np.asarray(legal), np.cumsum(space.encoded_sizes)[:-1], axis=1):
        _require(choice.any(1).all(), f"no action is legal in a state of step {step}: allow at least one")


def _check_contained(env: Environment, params: Any, obs: Any, source: str) -> None:
    """The values of a batch of observations."""
    for name, space, part in _parts(env.observation_space(params), obs, "observation"):
        inside = bool(jnp.all(jax.vmap(space.contains)(part)))
        _require(inside, f"{source}: {name} outside its space, {space}")


def _check_extras(env: Environment, params: Any, state: Any) -> None:
    """What an environment may say beside the contract."""
    with blame(env, "d_set"):
        variables = env.d_set(params)
    if variables is not None:
        _check_d_set(variables, env.observation_space(params))
    with blame(env, "render"):
        image = env.render(state, params)
    if image is not None:
        fits = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
        _require(fits, f"render must return uint8[H, W, 3], not {image.dtype}{list(image.shape)}")
    with blame(env, "hidden"):
        jax.eval_shape(env.hidden, state)
    for name, policy in env.policies().items():
        with blame(env, f"policy {name!r}"):
            action = jax.eval_shape(partial(policy, params=params), jax.random.key(0), state)
        shape = tuple(env.action_space(params).shape)
        _require(
            action.shape == shape,
            f"policy {name!r} must return one action, of shape {shape}, not {action.shape}",
        )


def _check_d_set(variables: Any, space: Any) -> None:
    size = sum(len(leaf.encoded_sizes) for _, leaf in spaces.leaves(space))
    _require(len(set(variables)) == len(variables), "d_set repeats an index")
    for name in variables:
        try:
            index = spaces.variable_of(name, space)
        except ValueError as error:
            raise ContractError(f"d_set: {error}") from None
        inside = isinstance(index, str) or 0 <= index < size
        _require(inside, f"d_set reaches outside the {size} variables of the observation")


def _check_equal(a: Any, b: Any, sentence: str) -> None:
    same = jax.tree.map(lambda x, y: np.array_equal(np.asarray(x), np.asarray(y)), a, b)
    _require(all(jax.tree.leaves(same)), sentence)


def _number_of(returned: Any) -> str:
    return f"{len(returned)} values" if isinstance(returned, tuple | list) else f"a {type(returned).__name__}"


def _require(fits: Any, sentence: str) -> None:
    if not fits:
        raise ContractError(sentence)
