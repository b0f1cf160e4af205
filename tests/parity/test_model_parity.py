"""One model, one loss, one optimiser: both sides must give the same numbers."""

import pytest

pytest.importorskip("torch", reason="parity needs PyTorch: pip install -e '.[parity]'")

from pathlib import Path

import torch
from selection import quick_if

from iam_torch_ref.bridge import model_config, run_config
from iam_torch_ref.model import ActorCritic
from iam_torch_ref.parity import checks
from iam_torch_ref.parity.cases import CASES, GRADIENT_TOLERANCE, TOLERANCE, Pair
from iam_torch_ref.parity.diagram import diagram

QUICK = ("vector", "board", "tree")
EVERY_MODEL = pytest.mark.parametrize(
    "case", quick_if(lambda case: case.observation in QUICK, CASES), ids=str
)
EVERY_DTYPE = pytest.mark.parametrize(
    "dtype", quick_if(lambda dtype: dtype == "float64", TOLERANCE, in_ci=lambda dtype: False)
)
"""What agrees to 1e-12 in float64 is the same computation; float32 shows the size of its rounding."""
ONE_CELL_EACH = [c for c in CASES if c.observation == "vector" and not c.normalise]


@EVERY_DTYPE
@EVERY_MODEL
def test_forward_by_sequence_and_by_step_agrees(case, dtype):
    assert checks.forward(Pair(case, dtype)) <= TOLERANCE[dtype]


@EVERY_DTYPE
@EVERY_MODEL
def test_gradients_of_the_loss_agree_for_every_parameter(case, dtype):
    assert checks.gradients(Pair(case, dtype)) <= GRADIENT_TOLERANCE[dtype]


@EVERY_DTYPE
@pytest.mark.parametrize("case", [case for case in CASES if case.normalise], ids=str)
def test_running_statistics_agree_and_so_does_what_they_normalise(case, dtype):
    assert checks.statistics(Pair(case, dtype)) <= TOLERANCE[dtype]


@EVERY_DTYPE
@pytest.mark.parametrize("case", [case for case in CASES if case.architecture == "fnn"], ids=str)
def test_policies_agree_on_entropies_log_probabilities_and_actions(case, dtype):
    assert checks.entropies(Pair(case, dtype)) <= TOLERANCE[dtype]


@pytest.mark.parametrize(("clip_value", "normalise"), [(False, False), (False, True), (True, False)])
def test_gradients_agree_under_other_settings_of_the_loss(clip_value, normalise):
    pair = Pair(CASES[5])
    apart = checks.gradients(pair, clip_value=clip_value, normalise_advantage=normalise)
    assert apart <= TOLERANCE["float64"]


@EVERY_DTYPE
@pytest.mark.parametrize("horizon", [None, 8])
def test_advantages_agree(horizon, dtype):
    assert checks.advantages(dtype, horizon=horizon) <= TOLERANCE[dtype]


@EVERY_DTYPE
@pytest.mark.parametrize("case", ONE_CELL_EACH, ids=str)
def test_adam_and_gradient_clipping_agree(case, dtype):
    assert checks.optimiser(Pair(case, dtype)) <= TOLERANCE[dtype]


def test_adam_agrees_without_clipping():
    assert checks.optimiser(Pair(CASES[0]), max_grad_norm=None) <= TOLERANCE["float64"]


@pytest.mark.gpu
@EVERY_MODEL
def test_forward_and_gradients_agree_on_a_gpu(case):
    if not torch.cuda.is_available():
        pytest.skip("PyTorch sees no GPU")
    pair = Pair(case, "float32", "cuda")
    assert checks.forward(pair) <= TOLERANCE["float32"]
    assert checks.gradients(pair) <= GRADIENT_TOLERANCE["float32"]


def test_the_diagram_in_the_docs_is_that_of_the_built_model():
    model = ActorCritic(model_config(run_config("warehouse", "fast", "iam")))
    assert diagram(model) in (Path(__file__).parents[2] / "docs" / "parity.md").read_text()
