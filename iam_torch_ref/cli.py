"""What the command lines share."""

import sys
from collections.abc import Callable

import torch

from iam_torch_ref.config import ConfigError


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


def check_device(name: str) -> None:
    """Raises `ConfigError` where torch cannot use a device."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:  # unknown, or not in this build
        reason = str(error).splitlines()[0]
        raise ConfigError(f"PyTorch cannot use the device {name!r} ({reason}).") from error
