"""What the command lines share."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from iam_jax.errors import ConfigError


def exit_on_error(command: Callable[[], int | None]) -> None:
    """Runs a command and exits: its status, or 2 and one sentence for a choice that cannot work."""
    try:
        status = command()
    except KeyboardInterrupt:
        status = 130
    except (ConfigError, OSError) as error:
        sentence = f"error: {error}"
        encoding = sys.stderr.encoding or "ascii"
        print(sentence.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr)
        status = 2
    sys.exit(status)


def use_compilation_cache() -> None:
    """Keeps compiled programs between runs, unless JAX_COMPILATION_CACHE_DIR says where or "" says no.

    To be called before jax is imported.
    """
    default = Path.home() / ".cache" / "iam_jax" / "xla"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(default))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")


def check_writable(file: Path, what: str, option: str) -> None:
    """Refuses a file that could not be written after a long computation; leaves it as it is.

    Args:
      file: To be written later.
      what: It is, such as "GIF".
      option: That chooses another.

    Raises:
      ConfigError: There is no such folder, or nothing can be written there.
    """
    if not file.parent.is_dir():
        raise ConfigError(f"There is no folder {file.parent} for the {what}.")
    is_new = not file.exists()
    try:
        file.open("ab").close()
    except OSError as error:
        raise ConfigError(
            f"The {what} cannot be written to {file}: choose another file with {option}."
        ) from error
    if is_new:
        file.unlink()
