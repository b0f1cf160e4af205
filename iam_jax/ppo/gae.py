"""Generalised advantage estimation (Schulman et al. 2016, Equations 11-16) with time limits."""

import chex
import jax
import jax.numpy as jnp


def gae(
    *,
    reward: jax.Array,
    value: jax.Array,
    last_value: jax.Array,
    final_value: jax.Array,
    terminated: jax.Array,
    truncated: jax.Array,
    gamma: float,
    gae_lambda: float,
    horizon: int | None = None,
) -> jax.Array:
    """Advantages of a rollout.

    ``delta_t = r_t + gamma V'_t - V_t`` and ``A_t = delta_t + gamma lambda A_{t+1}``, where V' is 0
    after a terminated step, ``final_value`` after a truncated one and else the next value, and the
    trace is cut at an episode's end and at every ``horizon`` steps.

    Args:
      reward: float[T, B].
      value: Critic's value of the observation before each step, float[T, B].
      last_value: Value of the observation behind the rollout, float[B].
      final_value: Value of the last observation of an episode, where ``truncated``, float[T, B].
      terminated: The task ended with this step, bool[T, B].
      truncated: The time limit ended the episode with this step, bool[T, B].
      gamma: Discount.
      gae_lambda: Trace decay.
      horizon: Cut the trace, with bootstrap, every so many steps; T is a multiple of it.

    Returns:
      float[T, B].

    Raises:
      AssertionError: Shapes do not fit together, or a flag is not bool.
    """
    chex.assert_equal_shape([reward, value, final_value, terminated, truncated])
    chex.assert_shape(last_value, reward.shape[1:])
    chex.assert_type([terminated, truncated], bool)
    next_value = jnp.concatenate([value[1:], last_value[None]])
    next_value = jnp.where(truncated, final_value, next_value)
    next_value = jnp.where(terminated, 0.0, next_value)
    delta = reward + gamma * next_value - value
    cut = terminated | truncated
    if horizon is not None:
        cut |= (jnp.arange(1, len(reward) + 1) % horizon == 0)[:, None]

    def backwards(advantage: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        delta, cut = step
        advantage = delta + jnp.where(cut, 0.0, gamma * gae_lambda * advantage)
        return advantage, advantage

    _, advantages = jax.lax.scan(backwards, jnp.zeros_like(last_value), (delta, cut), reverse=True)
    return advantages
