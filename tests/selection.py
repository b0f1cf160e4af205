"""Which cases of an exhaustive test run by default; the others are slow and run in CI."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def quick_if(quick: Callable[..., bool], cases: Iterable[Any]) -> list[Any]:
    """Cases for `pytest.mark.parametrize`, of which only those that ``quick`` is true of run by default."""
    values = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [pytest.param(*v, marks=[] if quick(*v) else pytest.mark.slow) for v in values]
