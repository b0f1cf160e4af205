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
