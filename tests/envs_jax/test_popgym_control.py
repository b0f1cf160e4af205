"""Cart-pole and pendulum in float64, and faults that the replay must find."""

import jax
import jax.numpy as jnp
import numpy as np
import popgym_control
import pytest
from popgym_replay import original, replay

from envs_jax import make
from envs_jax.popgym import control

FAMILIES = tuple(popgym_control.ADAPTERS)


@pytest.fixture
def package():
    return pytest.importorskip(
        "popgym.envs", reason="popgym or mazelib is not installed (pip install -e '.[popgym]')"
    )


def gaps_in_float64(family, episodes):
    """Largest differences of physics and of rewards, every step from the original's state; and the steps.

    Half of the actions are random.
    """
    name = f"popgym-{family}-easy"
    with jax.enable_x64(True):
        env, params = make(name)
        random, good = (env.policies()[policy] for policy in ("random", "state known"))

        @jax.jit
        def advance(key, state, draws):
            action = jnp.where(
                jax.random.bernoulli(key), random(key, state, params), good(key, state, params)
            )
            return action, *env.advance(draws, state, action, params)

        theirs, worst, steps = original(name), np.zeros(2), 0
        for seed in range(episodes):
            theirs.reset(seed=seed)
            ended = False
            while not ended:
                state, draws = popgym_control.translate(theirs, env), popgym_control.draws(theirs)
                assert state.physics.dtype == np.float64
                action, after, reward = advance(jax.random.key(1000 * seed + steps), state, draws)
                action = int(action) if action.shape == () else np.asarray(action)
                _, their_reward, terminated, truncated, _ = theirs.step(action)
                there = popgym_control.translate(theirs, env).physics
                gaps = np.abs(np.asarray(after.physics) - there).max(), abs(float(reward) - their_reward)
                worst, steps, ended = np.maximum(worst, gaps), steps + 1, terminated or truncated
    return worst, steps


@pytest.mark.parametrize("family", FAMILIES)
def test_every_step_in_float64_is_that_of_the_package(family, package):
    worst, steps = gaps_in_float64(family, episodes=4)
    assert (worst < 1e-12).all() and steps > 100, (worst, steps)


def test_comparison_in_float64_rejects_torque_that_costs_nothing(package, monkeypatch):
    pendulum = control.pendulum

    def free(physics, action):
        moved, cost = pendulum(physics, action)
        return moved, cost - 0.001 * action[0] ** 2

    monkeypatch.setattr(control, "pendulum", free)
    worst, _ = gaps_in_float64("position-only-pendulum", episodes=1)
    assert worst[0] < 1e-12 and worst[1] > 1e-7, worst


@pytest.mark.slow
def test_an_episode_begins_in_float64_where_that_is_on():
    with jax.enable_x64(True):
        env, params = make("popgym-noisy-position-only-pendulum-easy")
        obs, state = env.reset(jax.random.key(0), params)
        after, *_ = env.step(jax.random.key(1), state, jnp.zeros(1, jnp.float32), params)
        assert (state.physics.dtype, obs.dtype, after.dtype) == (np.float64, np.float32, np.float32)
    assert env.reset(jax.random.key(0), params)[1].physics.dtype == np.float32


def _moves_with_the_new_velocity(monkeypatch):
    def semi_implicit(physics, action):
        change = cart_pole(physics, action) - physics
        return physics + change + control.TAU * change[jnp.array([1, 1, 3, 3])] * jnp.array([1, 0, 1, 0])

    cart_pole = control.cart_pole
    monkeypatch.setattr(control, "cart_pole", semi_implicit)


def _shows_velocities_at_once(monkeypatch):
    monkeypatch.setattr(control.VelocityOnlyCartPole, "shown", lambda self, state: state.physics[1::2])


def _lets_noise_lead_out_of_bounds(monkeypatch):
    monkeypatch.setattr(control.PositionOnlyPendulum, "BOUNDS", (9.0, 9.0))


@pytest.mark.parametrize(
    ("fault", "name", "differs"),
    [
        (_moves_with_the_new_velocity, "popgym-position-only-cart-pole-easy", {"observation", "state"}),
        (_shows_velocities_at_once, "popgym-velocity-only-cart-pole-easy", {"observation"}),
        (_lets_noise_lead_out_of_bounds, "popgym-noisy-position-only-pendulum-easy", {"observation"}),
    ],
)
@pytest.mark.slow
def test_replay_rejects_wrong_rules(fault, name, differs, package, monkeypatch):
    fault(monkeypatch)
    assert differs == set(replay(name, 3).differences)
