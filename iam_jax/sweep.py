"""Sweeps: numbers with several values each, and every combination of them trained in one program.

``--sweep learning-rate=1e-3,2e-3 env.lifetime=4,8`` has four settings. Only what neither changes a shape nor
the program can be swept: the numbers of the learner, and those of an environment's params.
"""

import difflib
import itertools
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from envs_jax.arguments import parse_arguments
from iam_jax.errors import ConfigError
from iam_jax.limits import check_range, flag

ENV = "env."
"""Before the name of a number of the environment."""
MOST = 2**16
"""Runs of one sweep."""
Setting = dict[str, Any]
"""Swept option -> its value, such as ``{"learning_rate": 0.001, "env.lifetime": 4}``."""


class Axis(NamedTuple):
    """One swept option and its values."""

    option: str
    values: tuple[Any, ...]


def as_texts(axes: Mapping[str, Sequence[Any]] | Sequence[str]) -> tuple[str, ...]:
    """Axes as they are typed; a mapping is ``{"learning_rate": [0.001, 0.002]}``."""
    if isinstance(axes, Mapping):
        return tuple(f"{option}={','.join(map(_text, values))}" for option, values in axes.items())
    return tuple(axes)


@cache
def parse(texts: tuple[str, ...], numbers: frozenset[str]) -> tuple[Axis, ...]:
    """The axes of a sweep.

    Args:
      texts: ``OPTION=VALUE,VALUE,...`` each.
      numbers: Names of the learner's numbers.

    Raises:
      ConfigError: One cannot be read or swept, or the runs are too many.
    """
    axes = tuple(_axis(text, numbers) for text in texts)
    options = [axis.option for axis in axes]
    if twice := {option for option in options if options.count(option) > 1}:
        raise ConfigError(f"--sweep names {_shown(twice.pop())} twice: give all its values at once.")
    size = 1
    for axis in axes:
        size *= len(axis.values)
    if size > MOST:
        raise ConfigError(f"--sweep has {size} settings: make it at most {MOST}.")
    return axes


def settings(axes: tuple[Axis, ...]) -> tuple[Setting, ...]:
    """Every combination of values, the last axis fastest; one empty setting where nothing is swept."""
    products = itertools.product(*(axis.values for axis in axes))
    return tuple(dict(zip((axis.option for axis in axes), values, strict=True)) for values in products)


def label(setting: Setting) -> str:
    """A setting in words, such as ``learning-rate 0.001, env.lifetime 4``."""
    return ", ".join(f"{_shown(option)} {_text(value)}" for option, value in setting.items())


def _axis(text: str, numbers: frozenset[str]) -> Axis:
    option, equals, values = text.partition("=")
    parts = values.split(",")
    if not equals or not all(part.strip() for part in parts):
        raise ConfigError(f"--sweep {text!r} must be OPTION=VALUE,VALUE,... such as learning-rate=1e-3,2e-3.")
    if option.startswith(ENV):
        name = option.removeprefix(ENV)
        try:
            found = tuple(parse_arguments((f"{name}={part.strip()}",))[name] for part in parts)
        except ValueError as error:
            raise ConfigError(f"--sweep {text!r}: {error}") from error
    else:
        option = option.replace("-", "_")
        if option not in numbers:
            near = difflib.get_close_matches(option, numbers, n=3)
            names = map(_shown, near or sorted(numbers))
            hint = f"did you mean {' or '.join(names)}?" if near else f"but {', '.join(names)}."
            raise ConfigError(
                f"--sweep cannot vary {_shown(option)}, which is no number of the learner: {hint} Those of "
                "an environment are env.NAME; what changes shapes needs a run for each value."
            )
        found = tuple(_number(option, part) for part in parts)
    if len(set(found)) < len(found):
        raise ConfigError(f"--sweep {text!r} has a value twice.")
    return Axis(option, found)


def _number(option: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ConfigError(f"--sweep: {_shown(option)} must be a number, not {text!r}.") from None
    check_range(option, number, f"sweep {_shown(option)}")
    return number


def _shown(option: str) -> str:
    return option if option.startswith(ENV) else flag(option)


def _text(value: Any) -> str:
    """A value as it is typed."""
    return value if isinstance(value, str) else repr(value) if isinstance(value, float) else json.dumps(value)
