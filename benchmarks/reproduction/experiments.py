"""Who is trained on what: options of ``iam_jax.train``, experiment by experiment."""

from benchmarks.reproduction import popgym, selection
from benchmarks.reproduction.experiment import Experiment, Method

# The published scores were measured with the published removal of items.
WAREHOUSE = "--env warehouse --env-args legacy_removal=true"

_MATCHED = {
    "iam-manual": Method("IAM, manual d-set", "--model iam"),
    "iam-bfloat16": Method("IAM, manual d-set, bfloat16", "--model iam --dtype bfloat16"),
    "iam-static": Method("IAM, static d-set", "--model iam --d-set static"),
    "iam-dynamic": Method(
        "IAM, dynamic d-set", "--model iam --d-set dynamic --heads 4 --attention-units 16 --hidden 52"
    ),
    "iam-identity": Method("IAM, whole observation", "--model iam --d-set identity --hidden 48"),
    "iam-lstm": Method("IAM, manual d-set, LSTM", "--model iam --cell lstm --hidden 56"),
    "rnn": Method("GRU", "--model rnn --hidden 56"),
    "rnn-lstm": Method("LSTM", "--model rnn --cell lstm --hidden 44"),
    "rnn-published": Method("LSTM on the observation", "--model rnn --cell lstm --hidden 96 --fc"),
    "fnn": Method("FNN, 1 frame", "--model fnn --fc 256 224"),
    "fnn-stack": Method("FNN, 8 frames", "--model fnn-stack"),
}
_PAPER = {
    "iam-manual": Method("IAM, manual d-set", "--model iam"),
    "iam-static": Method("IAM, static d-set", "--model iam --d-set static"),
    "iam-dynamic": Method("IAM, dynamic d-set", "--model iam --d-set dynamic"),
    "iam-identity": Method("IAM, whole observation", "--model iam --d-set identity"),
    "iam-gru": Method("IAM, manual d-set, GRU", "--model iam --cell gru"),
    "rnn": Method("LSTM", "--model rnn"),
    "rnn-published": Method("LSTM on the observation", "--model rnn --fc"),
    "rnn-gru": Method("GRU", "--model rnn --cell gru"),
    "fnn": Method("FNN, 1 frame", "--model fnn"),
    "fnn-stack": Method("FNN, 8 frames", "--model fnn-stack"),
}
_TRAFFIC = {
    "iam-manual": Method("IAM, manual d-set", "--model iam"),
    "iam-bfloat16": Method("IAM, manual d-set, bfloat16", "--model iam --dtype bfloat16"),
    "iam-static": Method("IAM, static d-set", "--model iam --d-set static"),
    "iam-dynamic": Method(
        "IAM, dynamic d-set", "--model iam --d-set dynamic --heads 4 --attention-units 16 --hidden 48"
    ),
    "iam-identity": Method("IAM, whole observation", "--model iam --d-set identity --hidden 54"),
    "iam-lstm": Method("IAM, manual d-set, LSTM", "--model iam --cell lstm --hidden 56"),
    "rnn": Method("GRU", "--model rnn --hidden 52"),
    "rnn-lstm": Method("LSTM", "--model rnn --cell lstm --hidden 43"),
    "fnn": Method("FNN, 1 frame", "--model fnn --fc 184 96"),
    "fnn-stack": Method("FNN, 32 frames", "--model fnn-stack"),
}
_TRAFFIC_PAPER = {
    name: _PAPER[name] for name in ("iam-manual", "iam-static", "iam-identity", "rnn", "fnn")
} | {
    "iam-static": Method("IAM, static d-set", "--model iam --d-set static --fc 248 64 --hidden 8"),
    "fnn-stack": Method("FNN, 32 frames", "--model fnn-stack"),
}
_MINATAR = {
    "iam-dynamic": Method("IAM, attention, joint layer", "--model iam"),
    "iam-published": Method("IAM, attention, no joint layer", "--model iam --joint"),
    "iam-identity": Method("IAM, whole feature map", "--model iam --d-set identity"),
    "rnn": Method("GRU", "--model rnn"),
    "fnn": Method("FNN, 1 frame", "--model fnn"),
    "fnn-stack": Method("FNN, 8 frames", "--model fnn-stack"),
}
_PIXELS = {name: _MINATAR[name] for name in ("iam-dynamic", "iam-identity", "rnn", "fnn")} | {
    "fnn-stack": Method("FNN, 4 frames", "--model fnn-stack"),
}
# Sequences of 32 steps, so that every length up to 32 reads the same rollouts.
_LONG = "--num-envs 1024 --num-steps 32"
_ABLATIONS = (
    {
        f"memory-{units}": Method(f"memory of {units} units", f"--model iam --hidden {units}")
        for units in (8, 16, 32, 64, 128, 256)
    }
    | {
        f"bptt-{length}": Method(
            f"gradients through {length} steps", f"--model iam {_LONG} --bptt-length {length}"
        )
        for length in (1, 2, 4, 8, 16, 32)
    }
    | {
        "d-set-half": Method(
            "d-set: half of the cells", f"--model iam --d-set-indices {' '.join(map(str, range(49, 61)))}"
        ),
        "d-set-wrong": Method(
            "d-set: places of the robot", f"--model iam --d-set-indices {' '.join(map(str, range(1, 26)))}"
        ),
        "d-set-all": Method("d-set: whole observation", "--model iam --d-set identity"),
    }
    | {
        f"frames-{frames}": Method(
            f"FNN, {frames} frame{'s' * (frames > 1)}", f"--model fnn --frame-stack {frames}"
        )
        for frames in (1, 2, 4, 8, 16, 32)
    }
)
_TUNING = {
    f"{name}-{rate}-{entropy}": Method(
        f"{_MATCHED[name].label}, learning rate {rate}, entropy bonus {entropy}",
        f"{_MATCHED[name].options} --learning-rate {rate} --entropy {entropy}",
    )
    for name in ("iam-manual", "rnn", "fnn", "fnn-stack")
    for rate in ("1e-3", "2e-3", "4e-3")
    for entropy in (0.1, 0.2)
}


def _bootstrapped(name: str) -> Method:
    """A method in the paper's settings, but for what they take a time limit for."""
    method = _PAPER[name]
    return Method(
        f"{method.label}, time limit not the end of the task", f"{method.options} --bootstrap-truncated"
    )


# Cell -> options of rnn and of iam, with about as many parameters as the IAM of `_MATCHED` and `_TRAFFIC`.
_WAREHOUSE_CELLS = {
    "mingru": ("--hidden 92", "--hidden 140"),
    "lru": ("--hidden 72", "--hidden 52"),
    "s5": ("--hidden 72", "--hidden 52"),
    "ffm": ("--hidden 40", "--hidden 44"),
    "gtrxl": ("--hidden 44 --fc 288", "--hidden 32"),
}
_TRAFFIC_CELLS = {
    "mingru": ("--hidden 112", "--hidden 236"),
    "lru": ("--hidden 50", "--hidden 48"),
    "s5": ("--hidden 50", "--hidden 48"),
    "ffm": ("--hidden 36", "--hidden 42"),
    "gtrxl": ("--hidden 32 --fc 40", "--hidden 28"),
}
CELL_NAMES = {
    "gru": "GRU",
    "lstm": "LSTM",
    "mingru": "minGRU",
    "lru": "LRU",
    "s5": "S5",
    "ffm": "FFM",
    "gtrxl": "GTrXL",
}


def _cells(sizes: dict[str, tuple[str, str]]) -> dict[str, Method]:
    """Every cell: as rnn, where it reads all features, and as iam, where it reads the d-set."""
    return {
        f"{model}-{cell}": Method(
            f"{label}{CELL_NAMES[cell]}", f"--model {model} --cell {cell} {options[model == 'iam']}".strip()
        )
        for cell, options in sizes.items()
        for model, label in (("rnn", ""), ("iam", "IAM, "))
    }


_GATED = ("rnn", "rnn-lstm", "iam-manual", "iam-lstm")
"""GRU and LSTM, which the matched experiments have already."""

# A gtrxl sees as far as the way is long, and the gradient reaches through a rollout, which is longer.
WAYS = {10: (64, 16, 400_000), 100: (128, 128, 1_000_000), 500: (512, 512, 2_000_000)}
"""Length of a T-maze -> steps of a rollout, window of a gtrxl, environment steps of a run."""


def _way(length: int, times: int = 1) -> Experiment:
    """Every cell on a T-maze, with so many times the budget."""
    steps, window, budget = WAYS[length]
    sizes = dict.fromkeys(CELL_NAMES, ("", "")) | {"gtrxl": (f"--window {window}",) * 2}
    envs = 128 * 128 // steps
    return Experiment(
        f"T-maze of {length} steps, 16 distractors",
        f"--env tmaze --env-args length={length} distractors=16 --num-envs {envs} --num-steps {steps} "
        f"--bptt-length {steps}",
        _cells(sizes),
        seeds=3,
        steps=times * budget,
        baseline="rnn-gru",
    )


_FAULTS = {
    "corrected": Method("corrected (`--preset paper`)", "--model iam"),
    "no-reset": Method("memory not cleared inside a sequence", "--model iam", "no-reset"),
    "dropped-last": Method("last step of an episode not learnt from", "--model iam", "dropped-last"),
    "both": Method("both, as published", "--model iam", "both"),
    "bootstrap": Method("time limit not the end of the task", "--model iam --bootstrap-truncated"),
    "bootstrap-fnn": _bootstrapped("fnn"),
    "intended-removal": Method("items removed as intended", "--model iam --env-args legacy_removal=false"),
}

EXPERIMENTS = {
    "warehouse": Experiment("Warehouse, matched networks", WAREHOUSE, _MATCHED, seeds=10, steps=12_000_000),
    "warehouse-paper": Experiment(
        "Warehouse, the paper's settings", f"{WAREHOUSE} --preset paper", _PAPER, seeds=10, steps=4_000_000
    ),
    "warehouse-paper-full": Experiment(
        "Warehouse, the paper's settings and budget",
        f"{WAREHOUSE} --preset paper",
        _PAPER | {f"{name}-bootstrap": _bootstrapped(name) for name in ("iam-manual", "fnn")},
        seeds=1,
        steps=32_000_000,
    ),
    "traffic": Experiment("Traffic", "--env traffic", _TRAFFIC, seeds=10, steps=10_000_000),
    "traffic-paper": Experiment(
        "Traffic, the paper's settings",
        "--env traffic --preset paper",
        _TRAFFIC_PAPER,
        seeds=5,
        steps=4_000_000,
    ),
    "minatar-breakout": Experiment(
        "Breakout of MinAtar, half of the screens blank",
        "--env minatar-breakout --flicker 0.5",
        _MINATAR,
        seeds=3,
        steps=5_000_000,
    ),
    "pong": Experiment(
        "Pong, 84 x 84 pixels, half of the screens blank",
        "--env pong --flicker 0.5 --num-envs 2048 --num-minibatches 64 --num-epochs 2 --learning-rate 1e-3",
        _PIXELS,
        seeds=3,
        steps=15_000_000,
    ),
    "ablations": Experiment(
        "Warehouse, one choice at a time",
        WAREHOUSE,
        _ABLATIONS,
        seeds=10,
        steps=6_000_000,
        baseline="memory-64",
    ),
    "tuning": Experiment(
        "Warehouse, the same grid for every method",
        WAREHOUSE,
        _TUNING,
        seeds=3,
        steps=6_000_000,
        baseline="iam-manual-2e-3-0.2",
    ),
    "warehouse-cells": Experiment(
        "Warehouse, every cell",
        WAREHOUSE,
        {name: _MATCHED[name] for name in _GATED} | _cells(_WAREHOUSE_CELLS),
        seeds=3,
        steps=12_000_000,
        shared=dict.fromkeys(_GATED, "warehouse"),
    ),
    "traffic-cells": Experiment(
        "Traffic, every cell",
        "--env traffic",
        {name: _TRAFFIC[name] for name in _GATED} | _cells(_TRAFFIC_CELLS),
        seeds=3,
        steps=10_000_000,
        shared=dict.fromkeys(_GATED, "traffic"),
    ),
    **{f"tmaze-{length}": _way(length) for length in WAYS},
    "tmaze-100-long": _way(100, times=4),
    # Episodes of 831 steps: gradients reach over 128 of them, the memory over all.
    "repeat-first-hard": Experiment(
        "RepeatFirst, hard",
        "--env popgym-repeat-first-hard --num-envs 64 --num-steps 128 --bptt-length 128 "
        "--minibatch-steps 2048 --num-epochs 4",
        _cells(dict.fromkeys(CELL_NAMES, ("", ""))),
        seeds=1,
        steps=1_500_000,
        baseline="rnn-gru",
    ),
    "popgym": popgym.experiment(),
    "selection": selection.experiment(),
    "faults": Experiment(
        "Warehouse, faults of the published learner",
        f"{WAREHOUSE} --preset paper",
        _FAULTS,
        seeds=10,
        steps=4_000_000,
        baseline="corrected",
    ),
}
