"""What both command lines share."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from iam_jax.config import ConfigError


def exit_on_error(command: Callable[[], int | None]) -> None:
    """Runs a command and exits: its status, or 2 and one sentence for a choice that cannot work."""
    try:
        status = command()
    except KeyboardInterrupt:
        status = 130
    except (ConfigError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    sys.exit(status)


def use_compilation_cache() -> None:
    """Keeps compiled programs between runs, unless JAX_COMPILATION_CACHE_DIR says where or "" says no.

    To be called before jax is imported.
    """
    default = Path.home() / ".cache" / "iam_jax" / "xla"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(default))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
