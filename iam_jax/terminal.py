"""Commands as a person can paste them."""

import os
import shlex
import shutil
import sys
from pathlib import Path


def command(module: str, *arguments: str) -> str:
    """What starts one of our modules again, quoted, with the Python that runs now."""
    return shlex.join([_python(), "-m", module, *arguments])


def _python() -> str:
    """``python`` if that is the one that runs now, else its path."""
    found = shutil.which("python")
    if found is not None and os.path.abspath(found) == os.path.abspath(sys.executable):
        return "python"
    path = Path(sys.executable)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
