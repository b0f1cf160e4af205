"""Faults of the published learner, put back one at a time to measure what they cost."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import jax.numpy as jnp

from iam_jax.ppo.learner import Learner, Rollout
from iam_jax.ppo.loss import Batch

Change = Callable[[Batch, Rollout], Batch]


def _no_reset(batch: Batch, rollout: Rollout) -> Batch:
    """Where an episode ends inside a training sequence, the memory goes on into the next one.

    In the rollout it was cleared; what is stored at the start of a sequence is right.
    """
    starts = (jnp.arange(batch.first.shape[1]) == 0)[:, None]
    return batch.replace(first=batch.first & starts)


def _dropped_last(batch: Batch, rollout: Rollout) -> Batch:
    """The last transition of every episode is left out of the loss."""
    ended = rollout.transitions.terminated | rollout.transitions.truncated
    return batch.replace(valid=~ended if batch.valid is None else batch.valid & ~ended)


FAULTS: dict[str, tuple[Change, ...]] = {
    "no-reset": (_no_reset,),
    "dropped-last": (_dropped_last,),
    "both": (_no_reset, _dropped_last),
}
"""Name -> what is done to a batch, [C, L, B], before the loss reads it."""


@contextlib.contextmanager
def put_back(fault: str | None) -> Iterator[None]:
    """Learners made and compiled here have the fault; with None they are as they should be."""
    correct = Learner._batch

    def faulty(self: Learner, rollout: Any) -> Batch:
        batch = correct(self, rollout)
        for change in FAULTS[fault] if fault else ():
            batch = change(batch, rollout)
        return batch

    with patch.object(Learner, "_batch", faulty):
        yield
