"""Every environment that gymnax registers is trained and played for a moment with every model."""

import numpy as np
import pytest
from selection import quick_if

import iam_jax
from envs_jax.gymnax import names
from iam_jax.presets import MODELS

SMALL = {
    "num_envs": 4, "num_steps": 4, "bptt_length": 4, "total_steps": 48, "num_evaluations": 1, "burn_in": 0,
    "eval_episodes": 2, "final_episodes": 2, "max_eval_steps": 20, "fc": (8,), "joint": (8,),
}  # fmt: skip
CASES = [(name, model) for name in names() if name != "MNISTBandit-bsuite" for model in MODELS]
IN_CI = {(name, MODELS[i % len(MODELS)]) for i, name in enumerate(names())}
IN_CI |= {("FrozenLake-misc", "fnn-stack"), ("CartPole-v1", "iam"), ("Pendulum-v1", "rnn")}
"""Each environment with one of the models in turn; the others are long."""


@pytest.mark.parametrize(
    ("name", "model"),
    quick_if(lambda *case: False, CASES, in_ci=lambda *case: case in IN_CI),
)
def test_an_environment_of_gymnax_trains_and_plays_for_a_moment(name, model, tmp_path):
    config = iam_jax.preset(name, model=model, **SMALL)
    run = iam_jax.train(config, run_dir=tmp_path / "run", display=False)
    assert isinstance(run.outcome, iam_jax.Finished)
    result = run.agent.evaluate(episodes=2)
    assert result.returns.shape == (2,) and np.isfinite(result.mean)
    if model == "fnn-stack":  # whoever plays, the picture is the environment's
        run.agent.film(tmp_path / "film.gif")
