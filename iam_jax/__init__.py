"""Influence-aware memory and recurrent PPO in JAX. Command lines: `iam_jax.train`, `iam_jax.evaluate`."""
