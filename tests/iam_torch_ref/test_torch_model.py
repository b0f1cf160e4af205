"""The reference itself, against torch's own layers: parity with it is worth what it is worth."""

import dataclasses

import pytest

pytest.importorskip("torch", reason="the PyTorch reference needs PyTorch: pip install -e '.[parity]'")

import torch
from torch import nn

from iam_jax.model_config import CELLS
from iam_torch_ref.config import ConfigError, ModelConfig
from iam_torch_ref.initialise import initialise
from iam_torch_ref.model import GRU, LSTM, ActorCritic

SMALL = ModelConfig(obs_shape=(12,), num_actions=4, fc=(8,), hidden=6, joint=(5,), d_set_indices=(1, 7))


def test_gru_is_torch_s_gru_with_its_two_biases_summed():
    ours, theirs = GRU(5, 6).double(), nn.GRU(5, 6).double()
    with torch.no_grad():
        theirs.bias_hh_l0[:12] = 0
        ours.input.weight.copy_(theirs.weight_ih_l0)
        ours.input.bias.copy_(theirs.bias_ih_l0)
        ours.recurrent.weight.copy_(theirs.weight_hh_l0)
        ours.candidate_bias.copy_(theirs.bias_hh_l0[12:])
    x, h = torch.randn(7, 3, 5).double(), torch.randn(3, 6).double()
    expected, _ = theirs(x, h[None])
    carry = (h,)
    for t in range(7):
        carry = ours(carry, x[t])
        torch.testing.assert_close(carry[0], expected[t], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("forget_bias", [0.0, 1.0])
def test_lstm_is_torch_s_lstm_with_the_forget_bias_in_its_own_bias(forget_bias):
    ours, theirs = LSTM(5, 6, forget_bias).double(), nn.LSTM(5, 6).double()
    with torch.no_grad():
        theirs.bias_hh_l0.zero_()
        theirs.bias_hh_l0[6:12] = forget_bias
        ours.input.weight.copy_(theirs.weight_ih_l0)
        ours.input.bias.copy_(theirs.bias_ih_l0)
        ours.recurrent.weight.copy_(theirs.weight_hh_l0)
    x, h, c = torch.randn(7, 3, 5).double(), torch.randn(3, 6).double(), torch.randn(3, 6).double()
    expected, _ = theirs(x, (h[None], c[None]))
    carry = (h, c)
    for t in range(7):
        carry = ours(carry, x[t])
        torch.testing.assert_close(carry[0], expected[t], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("init", ["orthogonal", "glorot"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_fresh_weights_leave_all_actions_equally_likely(init, cell):
    torch.manual_seed(0)
    model = ActorCritic(dataclasses.replace(SMALL, init=init, cell=cell, d_set="dynamic"))
    initialise(model)
    _, logits, _ = model(model.initial_carry(3), torch.randn(5, 3, 12), torch.ones(5, 3, dtype=torch.bool))
    assert logits.abs().max() < 0.5
    assert all(torch.isfinite(p).all() for p in model.parameters())
    if init == "orthogonal":
        gate = model.memory.cell.recurrent.weight[:6]
        torch.testing.assert_close(gate @ gate.T, torch.eye(6))


@pytest.mark.parametrize("indices", [None, (), (12,), (-1,)])
def test_a_manual_d_set_that_does_not_fit_is_refused(indices):
    with pytest.raises(ConfigError, match="indices from 0 to 11"):
        ActorCritic(dataclasses.replace(SMALL, d_set_indices=indices))


@pytest.mark.parametrize("cell", CELLS)
def test_fresh_weights_of_every_cell_remember_without_exploding(cell):
    torch.manual_seed(0)
    model = ActorCritic(
        dataclasses.replace(SMALL, architecture="rnn", cell=cell, hidden=8, window=4, layers=2)
    )
    initialise(model)
    first = torch.zeros(200, 3, dtype=torch.bool)
    _, outputs, value = model(model.initial_carry(3), torch.randn(200, 3, 12), first)
    assert outputs.abs().max() < 1 and value.abs().max() < 50
    assert all((p != 0).any() for name, p in model.named_parameters() if "bias" not in name)
