"""Every task of POPGym with five agents: no memory, a GRU, two influence-aware memories, a parallel scan."""

from benchmarks.reproduction.experiment import Experiment, Method
from envs_jax.popgym import NAMES, PREFIX

AGENTS = {
    "fnn": ("FNN", "--model fnn"),
    "rnn": ("GRU", "--model rnn"),
    "iam-identity": ("IAM, whole observation", "--model iam --d-set identity"),
    "iam-static": ("IAM, static d-set", "--model iam --d-set static"),
    "rnn-mingru": ("minGRU", "--model rnn --cell mingru"),
}


def tasks() -> list[str]:
    """Their names here, without the suite's."""
    return [name.removeprefix(PREFIX) for name in NAMES]


def experiment() -> Experiment:
    """Every agent on every task, as method ``TASK-AGENT``."""
    methods = {
        f"{task}-{agent}": Method(label, f"--env {PREFIX}{task} {options}")
        for task in tasks()
        for agent, (label, options) in AGENTS.items()
    }
    return Experiment("POPGym", "", methods, seeds=3, steps=1_000_000, baseline="repeat-previous-easy-rnn")
