"""What every option may be by itself: its type, and the least and greatest value of a number."""

import dataclasses
import typing
from functools import cache
from typing import Any

import msgspec

from iam_jax.errors import ConfigError

HIGHEST_SEED = 2**31 - 1
_LARGE = 1e38
"""Nearly the largest float32: beyond it a number is infinite to the learner."""
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("num_envs", "num_steps", "bptt_length", "gae_horizon", "shuffle_groups"), (1, 2**20)),
    **dict.fromkeys(("num_minibatches", "minibatch_steps"), (1, 2**20)),
    **dict.fromkeys(("hidden", "attention_units", "d_set_size", "fc", "joint", "window"), (1, 2**16)),
    **dict.fromkeys(("heads", "frame_stack", "num_epochs", "layers"), (1, 1024)),
    **dict.fromkeys(("num_seeds", "devices", "num_processes", "at_once"), (1, 2**16)),
    "process_id": (0, 2**16 - 1),
    **dict.fromkeys(("eval_episodes", "final_episodes", "burn_in"), (1, 10**6)),
    "burn_in": (0, 10**6),
    "max_eval_steps": (1, HIGHEST_SEED),
    "num_evaluations": (0, 10**6),
    "seed": (0, HIGHEST_SEED),
    "d_set_indices": (0, HIGHEST_SEED),
    "distractors": (0, 2**16),
    **dict.fromkeys(("gamma", "gae_lambda", "flicker"), (0, 1)),
    **dict.fromkeys(("learning_rate", "learning_rate_end", "clip", "clip_end"), (0, _LARGE)),
    **dict.fromkeys(("entropy", "entropy_end", "value_coefficient"), (0, _LARGE)),
    "forget_bias": (-_LARGE, _LARGE),
    **dict.fromkeys(("max_grad_norm", "adam_eps"), (1e-30, _LARGE)),
    "checkpoint_interval": (0, 1e9),
    "total_steps": (1, 2**50),
    # Of `iam_jax.d_set`: a quarter of the histories is held out, and errors need two of everything.
    "num_histories": (8, 10**6),
    **dict.fromkeys(("history_length", "num_fits"), (2, 2**16)),
    "fit_steps": (1, 10**6),
    "units": (1, 2**16),
    "look_episodes": (1, 20),
}
"""Option -> least and greatest value, both allowed; of every entry where there are several."""


def check_fields(section: Any) -> None:
    """Refuses values of the wrong type or size; lists become tuples, and whole numbers floats where due.

    Args:
      section: A frozen dataclass of `iam_jax.config`, just made. Its own dataclasses are not looked into.

    Raises:
      ConfigError: With one sentence that says what the option must be.
    """
    cls: Any = type(section)
    hints = _hints(cls)
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if not dataclasses.is_dataclass(value):
            value = _converted(field.name, value, hints[field.name])
            check_range(field.name, value)
            object.__setattr__(section, field.name, value)


def check_range(name: str, value: Any, shown: str | None = None) -> None:
    """Refuses numbers outside of `RANGES`; ``shown`` is what the option is called, if not by that name.

    Raises:
      ConfigError: With the limit that was passed.
    """
    if name not in RANGES:
        return
    low, high = RANGES[name]
    for number in value if isinstance(value, tuple) else (value,):
        if number is None or isinstance(number, str):
            continue
        if not low <= number <= high:  # nan is refused too
            if (low, high) == (0, 1):
                limit = "from 0 to 1"
            else:
                limit = f"at most {_number(high)}" if number > high else f"at least {_number(low)}"
            raise ConfigError(f"--{shown or flag(name)} must be {limit}, not {number}.")


def flag(name: str) -> str:
    """An option as it is typed, without the dashes before it."""
    return name.replace("_", "-")


def names(section: Any) -> set[str]:
    """Names of a section's options."""
    return {field.name for field in dataclasses.fields(section)}


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _converted(name: str, value: Any, hint: Any) -> Any:
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        raise ConfigError(f"--{flag(name)} must be {_words(hint)}, not {value!r}.") from error


def _words(hint: Any) -> str:
    """A type in words: ``int | None`` is "a whole number or nothing"."""
    names = {
        int: "a whole number",
        float: "a number",
        str: "a text",
        bool: "true or false",
        type(None): "nothing",
    }
    if hint in names:
        return names[hint]
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return f"one of {', '.join(map(str, parts))}"
    if typing.get_origin(hint) is not tuple:
        return " or ".join(map(_words, parts))
    if parts[-1] is not Ellipsis:
        return f"{len(parts)} of {_words(parts[0])}"
    return f"a list, each {_words(parts[0])}"


def _number(limit: float) -> str:
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"
