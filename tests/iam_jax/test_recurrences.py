"""Sequence models: a scan is its loop, in chunks of any length, and no episode reaches the next."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from selection import quick_if

import iam_jax
from envs_jax.spaces import Box, Discrete
from iam_jax import ConfigError, IAMConfig, RNNConfig
from iam_jax.build import make_learner
from iam_jax.model_config import CELLS
from iam_jax.models.actor_critic import forward
from iam_jax.models.make import make_model
from iam_jax.models.recurrences.base import Associative, Stepwise, linear_scan
from iam_jax.models.recurrences.linear import RING, hippo
from iam_jax.models.recurrences.make import make_recurrence

B, INPUTS, H = 3, 5, 8
CONFIGS = {
    **{cell: RNNConfig(hidden=H, cell=cell, window=4) for cell in CELLS},
    "mingru x 2": RNNConfig(hidden=H, cell="mingru", layers=2),
    "s5 x 3": RNNConfig(hidden=H, cell="s5", layers=3),
    "gtrxl x 2": RNNConfig(hidden=H, cell="gtrxl", layers=2, window=4),
    "gru x 2": RNNConfig(hidden=H, cell="gru", layers=2),
}
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
LENGTHS = (1, 2, 7, 128)


def setup(name, length, dtype="float32", reset=0.1):
    cell = make_recurrence(CONFIGS[name])
    keys = jax.random.split(jax.random.key(0), 4)
    inputs = jax.random.normal(keys[0], (length, B, INPUTS), dtype)
    first = jax.random.bernoulli(keys[1], reset, (length, B))
    carry = cell.initial_carry(B)
    params = jax.jit(cell.init)(keys[2], carry, inputs, first)
    # A carry that is not zero, as another sequence leaves it.
    before = jax.random.normal(keys[3], (9, B, INPUTS), dtype)
    to = lambda tree: jax.tree.map(lambda x: x.astype(dtype), tree)  # noqa: E731
    carry, _ = jax.jit(cell.apply)(to(params), to(carry), before, jnp.zeros((9, B), bool))
    return cell, to(params), carry, inputs, first


def in_chunks(cell, params, carry, inputs, first, length):
    run, outputs = jax.jit(cell.apply), []
    for begin in range(0, len(inputs), length):
        chunk = slice(begin, begin + length)
        carry, output = run(params, carry, inputs[chunk], first[chunk])
        outputs.append(output)
    return carry, jnp.concatenate(outputs)


def step_by_step(cell, params, carry, inputs, first):
    """As if acting: a sequence of one step at a time."""

    def step(carry, now):
        carry, outputs = cell.apply(params, carry, *jax.tree.map(lambda x: x[None], now))
        return carry, outputs[0]

    return jax.lax.scan(step, carry, (inputs, first))


def apart(one, other):
    scale = lambda x: jnp.maximum(jnp.abs(x).max(), 1)  # noqa: E731
    return max(
        float((jnp.abs(x - y) / scale(x)).max())
        for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
        if x.size
    )


CASES = [
    *((name, length, "float64") for name in CELLS for length in LENGTHS),
    *((name, length, "float32") for name in CELLS for length in (7, 128)),
    *((name, 7, "float64") for name in CONFIGS if name not in CELLS),
]


@pytest.mark.parametrize(
    ("name", "length", "dtype"),
    quick_if(
        lambda name, length, dtype: length == 7 and dtype == "float64" and name in ("gru", "lru"),
        CASES,
        in_ci=lambda name, length, dtype: dtype == "float64",
    ),
)
def test_a_sequence_is_its_steps_forwards_and_in_its_gradient(name, length, dtype):
    with jax.enable_x64(dtype == "float64"):
        cell, params, carry, inputs, first = setup(name, length, dtype)

        def loss(params, carry, inputs, run):
            after, outputs = run(params, carry, inputs, first)
            weights = jnp.cos(jnp.arange(outputs.size, dtype=dtype)).reshape(outputs.shape)
            return (outputs * weights).sum() + sum(jnp.square(x).sum() for x in after), (after, outputs)

        results = [
            jax.jit(jax.value_and_grad(partial(loss, run=run), argnums=(0, 1, 2), has_aux=True))(
                params, carry, inputs
            )
            for run in (cell.apply, partial(step_by_step, cell))
        ]
        assert apart(*results) <= TOLERANCE[dtype] * (10 if dtype == "float32" and length == 128 else 1)


@pytest.mark.parametrize("name", quick_if(lambda name: name in ("gru", "lru"), CONFIGS))
def test_chunks_of_any_length_are_the_whole(name):
    cell, params, carry, inputs, first = setup(name, 24)
    whole = jax.jit(cell.apply)(params, carry, inputs, first)
    for length in (1, 5, 8):
        assert apart(whole, in_chunks(cell, params, carry, inputs, first, length)) < 1e-5


@pytest.mark.parametrize("name", quick_if(lambda name: name in ("gru", "lru"), CONFIGS))
def test_nothing_of_an_episode_reaches_the_next_by_a_bit(name):
    cell, params, carry, inputs, first = setup(name, 12, reset=0.0)
    first = first.at[5].set(True)
    run = jax.jit(cell.apply)
    _, outputs = run(params, carry, inputs, first)
    after, _ = run(params, carry, inputs, first)
    disturbed = run(params, jax.tree.map(lambda x: x + 1, carry), inputs.at[:5].add(3.0), first)
    np.testing.assert_array_equal(outputs[5:], disturbed[1][5:])
    jax.tree.map(np.testing.assert_array_equal, after, disturbed[0])
    assert (outputs[:5] != disturbed[1][:5]).any(), "a disturbance that changes nothing shows nothing"


@pytest.mark.parametrize(
    "name", quick_if(lambda name: name in ("gru", "lru"), [name for name in CONFIGS if name != "gtrxl"])
)
def test_something_is_remembered_for_long(name):
    """Beyond any window, or a memory that forgets at once would pass the tests above."""
    cell, params, carry, inputs, first = setup(name, 14, reset=0.0)
    run = jax.jit(cell.apply)
    outputs = run(params, carry, inputs, first)[1]
    other = run(params, carry, inputs.at[0].add(1.0), first)[1]
    assert (outputs[-1] != other[-1]).any() == (name != "gtrxl x 2")


@pytest.mark.slow
def test_a_transformer_sees_its_window_and_no_further():
    cell, params, carry, inputs, first = setup("gtrxl", 14, reset=0.0)
    outputs = cell.apply(params, carry, inputs, first)[1]
    other = cell.apply(params, carry, inputs.at[6].add(1.0), first)[1]
    changed = (outputs != other).any((1, 2))
    np.testing.assert_array_equal(np.nonzero(changed)[0], [6, 7, 8, 9])  # window 4


def test_a_scan_without_the_reset_in_its_operator_is_seen():
    """The negative control of the leak."""
    keys = jax.random.split(jax.random.key(0), 2)
    factors, terms = jax.random.uniform(keys[0], (6, 2, 3)), jax.random.normal(keys[1], (6, 2, 3))
    first = jnp.zeros((6, 2), bool).at[3].set(True)
    right = linear_scan(jnp.ones((2, 3)), factors, terms, first)
    late = linear_scan(jnp.ones((2, 3)), factors, terms, jnp.roll(first, 1, 0))
    np.testing.assert_allclose(right[3], terms[3])
    assert np.abs(right - late).max() > 0.1


def test_linear_recurrences_begin_where_their_papers_say():
    lru = make_recurrence(CONFIGS["lru"])
    _, params, *_ = setup("lru", 2)
    factors, gamma = lru.apply(params, method="diagonal")
    size = np.abs(np.asarray(factors))
    assert (size > RING[0]).all() and (size < RING[1]).all()
    np.testing.assert_allclose(np.asarray(gamma).real, np.sqrt(1 - size**2), rtol=1e-3)
    real, imag = hippo(4)
    n = np.arange(8)
    p = np.sqrt(1 + 2 * n)
    matrix = -np.tril(p[:, None] * p, -1) - np.diag(n + 1.0)
    normal = matrix + 0.5 * np.outer(p, p)
    eigenvalues = np.linalg.eigvals(normal)
    np.testing.assert_allclose(np.sort(eigenvalues.imag)[4:], imag, rtol=1e-5)
    np.testing.assert_allclose(eigenvalues.real, real[0], atol=1e-6)


OBSERVATIONS, ACTIONS = Box(-10.0, 10.0, (6,)), Discrete(3)


@pytest.mark.parametrize("d_set", ["manual", "static", "identity", "dynamic"])
@pytest.mark.parametrize("cell", quick_if(lambda cell: cell in ("gru", "lru"), CELLS))
def test_influence_aware_memory_stands_around_every_cell(cell, d_set):
    config = IAMConfig(fc=(8,), hidden=8, cell=cell, d_set=d_set, d_set_indices=(1, 4), d_set_size=3)
    if d_set == "dynamic" and cell not in ("gru", "lstm"):
        with pytest.raises(ValueError, match=f"--cell {cell} computes all steps together: choose --d-set"):
            make_model(config, OBSERVATIONS, ACTIONS)
        return
    model = make_model(config, OBSERVATIONS, ACTIONS)
    obs, first = jnp.ones((4, 2, 6)), jnp.zeros((4, 2), bool)
    carry = model.initial_carry(2)
    params = model.init(jax.random.key(0), carry, obs, first)
    _, logits, value = forward(model, params, carry, obs, first)
    assert logits.shape == (4, 2, 3) and value.shape == (4, 2)


def test_several_layers_cannot_be_asked_what_they_were():
    with pytest.raises(ValueError, match="--layers 2 computes all steps together"):
        make_model(IAMConfig(d_set="dynamic", layers=2), OBSERVATIONS, ACTIONS)


SMALL = {
    **{"num_envs": 8, "num_steps": 12, "bptt_length": 6, "num_minibatches": 2, "burn_in": 10},
    **{"hidden": 8, "fc": (8,), "joint": (), "total_steps": 96 * 12, "window": 4},
    **{"num_evaluations": 1, "eval_episodes": 2, "final_episodes": 2},
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.slow
def test_first_minibatch_replays_the_policy_that_acted(cell):
    learner = make_learner(iam_jax.preset("mini-warehouse", model="rnn", cell=cell, **SMALL))
    state = jax.jit(learner.init)(jax.random.key(0))
    update = jax.jit(learner.update)
    for _ in range(2):
        state, metrics = update(state)
        assert metrics["ratio_deviation"] < 3e-6


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.slow
def test_a_stopped_run_goes_on_bitwise_from_its_memory(cell, tmp_path):
    config = iam_jax.preset("mini-warehouse", cell=cell, **SMALL)
    whole = iam_jax.train(config, run_dir=tmp_path / "whole", display=False)
    iam_jax.train(config, run_dir=tmp_path / "run", display=False, callback=lambda row: row["update"] >= 5)
    resumed = iam_jax.resume(tmp_path / "run", display=False)
    ours, theirs = (run.agents("last")[0].params for run in (whole, resumed))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


class Fading(Associative):
    """A cell of one's own: sums that fade."""

    size: int

    @property
    def state_shape(self):
        return (self.size,)

    def setup(self):
        self.rate = self.param("rate", lambda key, shape: jnp.zeros(shape), (self.size,))

    def elements(self, inputs):
        return jax.nn.sigmoid(self.rate), jnp.resize(inputs, (*inputs.shape[:2], self.size))


class NoCell:
    def __init__(self, size):
        self.size = size


@pytest.mark.slow
def test_a_cell_of_one_s_own_is_named_by_its_place():
    place = f"{__file__}:Fading"
    model = make_model(RNNConfig(fc=(), hidden=6, cell=place), OBSERVATIONS, ACTIONS)
    obs, first = jnp.ones((4, 2, 6)), jnp.zeros((4, 2), bool)
    params = model.init(jax.random.key(0), model.initial_carry(2), obs, first)
    carry, _, _ = forward(model, params, model.initial_carry(2), obs, first)
    np.testing.assert_allclose(carry[0], 1.875)  # 1 + 1/2 + 1/4 + 1/8
    for wrong, sentence in {"NoCell": "must derive from Recurrence", "B": "is no class"}.items():
        with pytest.raises(ValueError, match=sentence):
            make_model(RNNConfig(cell=f"{__file__}:{wrong}"), OBSERVATIONS, ACTIONS)
    with pytest.raises(ConfigError, match="--cell must be one of gru, lstm, mingru"):
        RNNConfig(cell="xlstm")


def test_cells_say_how_they_run():
    parallel = {cell for cell in CELLS if not isinstance(make_recurrence(CONFIGS[cell]), Stepwise)}
    assert parallel == {"mingru", "lru", "s5", "ffm", "gtrxl"}
    with pytest.raises(ConfigError, match="--hidden 6 must divide into the 4 heads"):
        dataclasses.replace(CONFIGS["gtrxl"], hidden=6)
