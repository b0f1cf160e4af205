"""Arguments of environments: what each may be, and the sentence that refuses what it may not be.

An environment lists its arguments in a table of rules, name -> rule, and has them checked by `check`.
"""

import ast
import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

LONGEST = 10**9
"""The greatest time limit in steps; time is counted in int32."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """What one argument may be.

    Attributes:
      words: The same in words, to follow "must".
      fits: Whether a value is allowed.
      note: Why, for a limit that is not plain by itself; it follows the sentence.
    """

    words: str
    fits: Callable[[Any], bool]
    note: str = ""

    def check(self, name: str, value: Any) -> None:
        """Refuses a value that does not fit.

        Raises:
          ValueError: With one sentence that says what the argument must be.
        """
        if not self.fits(value):
            raise ValueError(f"{name} must {self.words}, not {value!r}{self.note and ': '}{self.note}")


def Whole(low: int, high: int, note: str = "") -> Rule:
    """A whole number from ``low`` to ``high``, both allowed."""
    return Rule(
        f"be a whole number from {low:,} to {high:,}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
        note,
    )


def Share() -> Rule:
    """A number in [0, 1], whole or not."""
    return Rule("lie in [0, 1]", lambda value: _is_number(value) and 0 <= value <= 1)


def Flag() -> Rule:
    """True or false."""
    return Rule("be true or false", lambda value: isinstance(value, bool))


def OneOf(values: Iterable[Any]) -> Rule:
    """One of a few values of the same type."""
    known = tuple(values)
    words = f"be one of {', '.join(map(str, known))}"
    return Rule(words, lambda value: any(type(value) is type(one) and value == one for one in known))


def Maybe(rule: Rule) -> Rule:
    """What another rule allows, or None."""
    return Rule(f"{rule.words}, or none", lambda value: value is None or rule.fits(value), rule.note)


TIME_LIMIT = Whole(1, LONGEST)
"""The rule of ``max_steps_in_episode`` where nothing else bounds it."""


def check(given: Mapping[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
    """The arguments that were given, if all of them exist and fit.

    Args:
      given: Name -> value.
      rules: Name -> rule, of everything that may be given.

    Raises:
      ValueError: With one sentence that says what there is, or what the argument must be.
    """
    for name, value in given.items():
        if name not in rules:
            near = difflib.get_close_matches(name, rules)
            hint = f"; perhaps {' or '.join(near)}" if near else ""
            raise ValueError(f"there is no {name!r} (but {', '.join(rules)}{hint})")
        rules[name].check(name, value)
    return dict(given)


def needs(error: ImportError, extra: str) -> ValueError:
    """What to raise where a suite's package is not installed: it names the extra that brings it."""
    return ValueError(f"it needs {error.name}: pip install 'iam-jax[{extra}]'")


def check_name(suite: str, name: str, names: Iterable[str]) -> None:
    """Refuses a name that a suite does not have.

    Raises:
      ValueError: With near misses, or all names if there are none.
    """
    known = sorted(names)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or known
        raise ValueError(f"{suite} has no {name!r}; there are {', '.join(near)}")


def parse_arguments(texts: Iterable[str]) -> dict[str, Any]:
    """``["size=11", "legacy_removal=true"]`` as keyword arguments of `envs_jax.make`.

    Raises:
      ValueError: A text is not NAME=VALUE, or a name comes twice.
    """
    arguments: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not (name.isidentifier() and separator) or name in arguments:
            raise ValueError(
                f"Environment arguments are NAME=VALUE, such as size=11, each name once, not {text!r}."
            )
        try:
            literal = value.capitalize() if value in ("true", "false", "none") else value
            arguments[name] = ast.literal_eval(literal)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # a text, then
            arguments[name] = value
    return arguments


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
