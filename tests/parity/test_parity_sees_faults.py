"""Negative controls: each fault, put into the PyTorch side or the rollout, must break parity."""

import pytest

pytest.importorskip("torch", reason="parity needs PyTorch: pip install -e '.[parity]'")

import jax
import jax.numpy as jnp
import torch

from iam_jax.models.recurrences import base
from iam_jax.models.recurrences.gtrxl import GTrXL
from iam_jax.ppo.rollout import Actor
from iam_torch_ref import loss, update
from iam_torch_ref.config import PPOConfig
from iam_torch_ref.model import ActorCritic, Memory
from iam_torch_ref.parity import checks, learning
from iam_torch_ref.parity.cases import TOLERANCE, Case, Pair
from iam_torch_ref.policies import Categorical, Gaussian
from iam_torch_ref.recurrences import LRU, S5

SEEN = 100 * TOLERANCE["float64"]
"""A difference that cannot be taken for rounding."""


def swap_gates(cell, first, second):
    """Exchanges two blocks of a cell's weights."""
    for parameter in (cell.input.weight, cell.input.bias, cell.recurrent.weight):
        gates = list(parameter.detach().clone().split(cell.recurrent.in_features))
        gates[first], gates[second] = gates[second], gates[first]
        parameter.data = torch.cat(gates)


@pytest.mark.parametrize(
    ("cell", "gates"),
    [("gru", (0, 1)), ("gru", (1, 2)), ("lstm", (0, 1)), ("lstm", (1, 2)), ("lstm", (2, 3))],
)
def test_swapped_gates_are_seen(cell, gates):
    pair = Pair(Case("iam", "manual", cell))
    assert checks.forward(pair) <= TOLERANCE["float64"]
    swap_gates(pair.torch_model.memory.cell, *gates)
    assert checks.forward(pair) > SEEN


def test_a_second_bias_per_gate_is_seen():
    """As in torch.nn.GRU: each of the two gets the whole gradient, so their sum moves twice as far."""
    moved = []
    for both in (False, True):
        model = Pair(Case("rnn")).torch_model
        if both:
            cell = model.memory.cell
            cell.second = torch.nn.Linear(cell.input.in_features, 18).double()
            torch.nn.init.zeros_(cell.second.weight).requires_grad_(False)
            torch.nn.init.zeros_(cell.second.bias)
            first = cell.input
            first.register_forward_hook(lambda _, x, out, second=cell.second: out + second(x[0]))
        adam = update.make_optimiser(model, PPOConfig())
        pair = Pair(Case("rnn"))
        _, logits, _ = model(
            *(tuple(map(pair.tensor, pair.carry)), *map(pair.tensor, (pair.obs, pair.first)))
        )
        logits.square().mean().backward()
        update.apply_gradients(model, adam, 1e-3, None)
        bias = model.memory.cell.input.bias - pair.torch_model.memory.cell.input.bias
        moved.append(bias + (model.memory.cell.second.bias if both else 0))
    torch.testing.assert_close(moved[1], 2 * moved[0])


def test_a_number_that_is_not_finite_is_seen():
    pair = Pair(Case("iam", "manual", "gru"))
    pair.torch_model.heads.value.bias.data.fill_(float("nan"))
    assert checks.forward(pair) > SEEN


@pytest.mark.slow
def test_attention_that_reads_the_cell_state_is_seen(monkeypatch):
    pair = Pair(Case("iam", "dynamic", "lstm"))
    assert checks.forward(pair) <= TOLERANCE["float64"]

    def reads_c(self, carry, obs, first):
        outputs = []
        for o, start in zip(obs, first, strict=True):
            carry = tuple(torch.where(start[:, None], 0, part) for part in carry)
            carry = self.cell(carry, self.selector(o, carry[1]))
            outputs.append(carry[0])
        return carry, torch.stack(outputs)

    monkeypatch.setattr(Memory, "forward", reads_c)
    assert checks.forward(pair) > SEEN


def test_a_reset_one_step_late_is_seen(monkeypatch):
    original = Memory.forward
    monkeypatch.setattr(
        Memory, "forward", lambda self, carry, obs, first: original(self, carry, obs, first.roll(1, 0))
    )
    assert checks.forward(Pair(Case("iam", "manual", "gru"))) > SEEN


@pytest.mark.slow
def test_a_carry_stored_after_the_step_is_seen(monkeypatch):
    original = Actor.rollout

    def late(self, *args):
        after, carries, transitions = original(self, *args)
        shifted = jax.tree.map(lambda c, last: jnp.concatenate([c[1:], last[None]]), carries, after.carry)
        return after, shifted, transitions

    monkeypatch.setattr(Actor, "rollout", late)
    acting, _ = learning.trajectory(learning.RUNS["iam-manual-gru"], updates=1)
    assert acting > 100 * learning.TOLERANCE


@pytest.mark.slow
def test_an_advantage_normalised_twice_is_seen(monkeypatch):
    original = loss.normalised
    monkeypatch.setattr(loss, "normalised", lambda advantage: original(original(advantage)))
    assert checks.gradients(Pair(Case("fnn"))) > SEEN


def test_another_epsilon_in_the_advantage_is_seen(monkeypatch):
    monkeypatch.setattr(loss, "ADVANTAGE_EPS", 1e-5)
    assert checks.gradients(Pair(Case("fnn"))) > SEEN


@pytest.mark.slow
def test_another_epsilon_in_adam_is_seen(monkeypatch):
    original = update.make_optimiser

    def other(model, config):
        adam = original(model, config)
        adam.param_groups[0]["eps"] = 1e-5
        return adam

    monkeypatch.setattr(update, "make_optimiser", other)
    assert checks.optimiser(Pair(Case("fnn"))) > SEEN


def test_the_epsilon_in_torch_s_own_gradient_clipping_is_seen(monkeypatch):
    def torch_s_own(model, limit):
        torch.nn.utils.clip_grad_norm_(model.parameters(), limit)

    monkeypatch.setattr(update, "clip_global_norm", torch_s_own)
    assert checks.optimiser(Pair(Case("fnn"))) > SEEN


def test_the_log_probability_of_the_clipped_action_is_seen(monkeypatch):
    original = Gaussian.log_prob
    monkeypatch.setattr(
        Gaussian, "log_prob", lambda self, outputs, action: original(self, outputs, self.to_env(action))
    )
    assert checks.entropies(Pair(Case("fnn", actions="clipped"))) > SEEN


def test_a_squashed_density_without_its_correction_is_seen(monkeypatch):
    monkeypatch.setattr(Gaussian, "_log_slope", lambda self, x: torch.zeros_like(x))
    assert checks.entropies(Pair(Case("fnn", actions="squashed"))) > SEEN


def test_an_illegal_action_that_is_thought_possible_is_seen(monkeypatch):
    monkeypatch.setattr(Categorical, "masked", lambda self, outputs, legal: outputs)
    assert checks.gradients(Pair(Case("fnn", actions="masked"))) > SEEN


def test_statistics_that_are_updated_in_play_are_seen(monkeypatch):
    original = ActorCritic.forward

    def watching(self, carry, obs, first):
        self.watch(obs)
        return original(self, carry, obs, first)

    pair = Pair(Case("iam", "manual", "gru", "tree", normalise=True))
    assert checks.forward(pair) <= TOLERANCE["float64"]
    monkeypatch.setattr(ActorCritic, "forward", watching)
    assert checks.forward(pair) > SEEN


@pytest.mark.slow
def test_statistics_that_are_updated_before_learning_are_seen(monkeypatch):
    original = learning.update

    def late(model, optimiser, rollout, *others):
        model.watch(rollout.obs)
        return original(model, optimiser, rollout, *others)

    monkeypatch.setattr(learning, "update", late)
    _, parameters = learning.trajectory(learning.RUNS["iam, continuous, all normalised"], updates=2)
    assert parameters > 100 * learning.TOLERANCE


def test_a_forgotten_gamma_in_the_lru_is_seen(monkeypatch):
    original = LRU.diagonal
    monkeypatch.setattr(LRU, "diagonal", lambda self: (original(self)[0], torch.ones(())))
    assert checks.forward(Pair(Case("iam", "manual", "lru"))) > SEEN


def test_euler_s_rule_in_place_of_the_zero_order_hold_is_seen(monkeypatch):
    original = S5.diagonal
    monkeypatch.setattr(S5, "diagonal", lambda self: (original(self)[0], self.log_step.exp()))
    assert checks.forward(Pair(Case("iam", "manual", "s5"))) > SEEN


@pytest.mark.parametrize("cell", ["mingru", "lru", "s5", "ffm", "gtrxl"])
def test_a_reset_one_step_late_in_a_scan_is_seen(cell, monkeypatch):
    original = base.linear_scan if cell != "gtrxl" else GTrXL.__call__

    if cell == "gtrxl":
        late = lambda self, carry, inputs, first: original(self, carry, inputs, jnp.roll(first, 1, 0))  # noqa: E731
        monkeypatch.setattr(GTrXL, "__call__", late)
    else:
        late = lambda before, a, b, first: original(before, a, b, jnp.roll(first, 1, 0))  # noqa: E731
        monkeypatch.setattr(base, "linear_scan", late)
    assert checks.forward(Pair(Case("iam", "manual", cell))) > SEEN
