"""The PyTorch loop must learn, since benchmarks measure against it."""

import pytest

pytest.importorskip("torch", reason="the PyTorch reference needs PyTorch: pip install -e '.[parity]'")

import torch

from iam_torch_ref import bridge
from iam_torch_ref.policies import Categorical
from iam_torch_ref.rollout import ActorState, apply, collect
from iam_torch_ref.train import Trainer


def trainer(env="mini-warehouse", **ppo):
    changes = {"num_envs": 32, "num_steps": 16, "num_minibatches": 4, "learning_rate": 3e-3, "burn_in": 96}
    network = {"fc": (32,), "hidden": 16, "joint": (), "d_set": "manual"}
    run = bridge.run_config(env, "fast", "iam", total_steps=60_000, **network, **changes | ppo)
    return Trainer(run)


@pytest.mark.slow
def test_the_loop_learns():
    loop = trainer("warehouse", entropy=0.01)
    while loop.steps < 60_000:
        loop.update()
    assert sum(loop.returns) / len(loop.returns) > 13, "a random agent earns 8.9"


@pytest.mark.slow
def test_a_rollout_can_be_acted_again_from_its_stored_memory():
    loop = trainer()
    _, rollout, _ = collect(loop.model, loop.env, loop.state, loop.config)
    assert rollout.first[1:].any(), "no episode ends inside"
    length = loop.config.bptt_length
    with torch.no_grad():
        for chunk, carry in enumerate(rollout.carries):
            part = slice(chunk * length, (chunk + 1) * length)
            _, _, value = loop.model(carry, rollout.obs[part], rollout.first[part])
            torch.testing.assert_close(value, rollout.value[part])


def test_sampled_actions_follow_the_policy():
    torch.manual_seed(0)
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0])
    counts = torch.bincount(Categorical().sample(logits.expand(200_000, 4)), minlength=4)
    torch.testing.assert_close(counts / 200_000, logits.softmax(0), atol=5e-3, rtol=0)


@pytest.mark.slow
def test_a_time_limit_is_bootstrapped_from_the_last_observation():
    loop = trainer(burn_in=0, num_steps=96, bptt_length=8)
    state, rollout, _ = collect(loop.model, loop.env, loop.state, loop.config)
    assert rollout.truncated[-1].all() and state.first.all()
    assert (rollout.final_value[-1] != 0).all() and (rollout.final_value[:-1] == 0).all()
    reset_value = apply(loop.model, ActorState(state.obs, state.first, state.carry))[2]
    assert not torch.allclose(rollout.final_value[-1], reset_value)
