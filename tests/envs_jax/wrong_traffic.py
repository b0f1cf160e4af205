"""Two plausible wrong ports of the traffic rules, which every check against SUMO must reject."""

import jax.numpy as jnp

from envs_jax.traffic import dynamics


def continuous_krauss(monkeypatch):
    """The textbook's safe speed and brake gap instead of SUMO's sums over whole seconds."""
    braking = dynamics.BRAKING
    monkeypatch.setattr(dynamics, "_brake_gap", lambda speed: speed**2 / (2 * braking))
    monkeypatch.setattr(
        dynamics,
        "_stop_speed",
        lambda gap: -braking + jnp.sqrt(braking**2 + 2 * braking * jnp.maximum(gap, 0)),
    )


def leader_beyond_the_line(monkeypatch):
    """A car that stops at a red light still minds the one that has passed it."""
    monkeypatch.setattr(dynamics, "_sight", lambda state, stops: jnp.full_like(state.to_line, jnp.inf))


WRONG_PORTS = [continuous_krauss, leader_beyond_the_line]
