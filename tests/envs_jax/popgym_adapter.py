"""What `popgym_replay` must be told of a family of POPGym's tasks."""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Adapter:
    """How one of popgym's own environments is read.

    Attributes:
      translate: ``(original, env) -> State``: our state, in NumPy, of an original that has been reset.
      hidden: What our ``hidden(state)`` calls the parts of ``get_state()``, in their order.
      good: The one of our ``policies()`` that succeeds.
      draws: ``(original) -> Any``: what the original will draw in its next step, as `Environment.draw` hands
        it to ``advance``; None where a step draws nothing. It must leave the original's generator as it
        was.
      features: ``(state, observations) -> dict``: small whole numbers that tell how an episode was drawn, by
        name, from its first state and what was seen under random actions, a list of arrays [T + 1, ...], one
        for each leaf of an observation. Their distributions are compared by chi-squared.
      tolerance: Of numbers that are no integers.
      takes_over: Every step starts from the original's state, where small differences would grow without end.
    """

    translate: Callable[[Any, Any], Any]
    hidden: tuple[str, ...]
    good: str
    draws: Callable[[Any], Any] | None = None
    features: Callable[[Any, list[Any]], dict[str, int]] | None = None
    tolerance: float = 1e-6
    takes_over: bool = False
