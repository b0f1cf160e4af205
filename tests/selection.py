"""Which cases of an exhaustive test run by default, which are slow and run in continuous integration, and
which are so much like those that only ``-m "slow and not gpu"`` runs them (long).
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def quick_if(
    quick: Callable[..., bool], cases: Iterable[Any], in_ci: Callable[..., bool] = lambda *case: True
) -> list[Any]:
    """Cases for `pytest.mark.parametrize`: those that ``quick`` is true of run by default, and those that
    ``in_ci`` is false of are left out of continuous integration too.
    """
    params = []
    for case in cases:
        values = case if isinstance(case, tuple) else (case,)
        marks = [] if quick(*values) else [pytest.mark.slow]
        if marks and not in_ci(*values):
            marks.append(pytest.mark.long)
        params.append(pytest.param(*values, marks=marks))
    return params
