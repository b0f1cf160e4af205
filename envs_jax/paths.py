"""Objects by their place: ``my_module:factory`` and ``path/to/my_env.py:factory``."""

import difflib
import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_loaded: dict[Path, ModuleType] = {}
"""Files that were loaded, so that one file is one module however often it is named."""


class Reference:
    """An object by its place, called as it would be; it can be sent to another process as its text."""

    def __init__(self, text: str):
        self.text = text

    def __call__(self, **arguments: Any) -> Any:
        return load(self.text)(**arguments)


def is_path(text: str) -> bool:
    """Whether a name says where something lies: a module or a file, a colon, and what to take from it."""
    place, colon, name = text.rpartition(":")
    return bool(colon and place and name) and (is_file(place) or all(map(str.isidentifier, place.split("."))))


def is_file(place: str) -> bool:
    """Whether the part before the colon is a file's path and not a module's name."""
    return place.endswith(".py") or "/" in place or "\\" in place


def absolute(text: str) -> str:
    """The same place, found from any folder."""
    place, _, name = text.rpartition(":")
    return f"{Path(place).resolve()}:{name}" if is_file(place) else text


def place_of(cls: type) -> str:
    """Where `load` finds a class again: its module, or its file where that was not imported by name.

    Raises:
      ValueError: It is defined inside of a function, or was typed into an interpreter.
    """
    what = f"The class {cls.__qualname__}"
    if "<locals>" in cls.__qualname__:
        raise ValueError(f"{what} is defined inside of a function: define it at the top of a module.")
    module = sys.modules[cls.__module__]
    if cls.__module__ != "__main__" and module not in _loaded.values():
        return f"{cls.__module__}:{cls.__qualname__}"
    file = getattr(module, "__file__", None)
    if file is None:
        raise ValueError(f"{what} is in no file: write it into a module, where it is found again.")
    return f"{Path(file).resolve()}:{cls.__qualname__}"


def load(text: str) -> Any:
    """What lies at a place.

    Raises:
      ValueError: There is no such file, module or name, or it cannot be imported; in one sentence.
    """
    place, _, name = text.rpartition(":")
    module = _load_file(Path(place)) if is_file(place) else _import(place)
    found: Any = module
    for part in name.split("."):
        if part not in dir(found):
            public = [known for known in dir(found) if not known.startswith("_")]
            near = difflib.get_close_matches(part, public, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(public[:10])}."
            raise ValueError(f"{place} has no {part!r}: {hint}")
        found = getattr(found, part)
    return found


def _import(place: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            raise ValueError(
                f"There is no module {place!r}: is it in this folder, installed, or in PYTHONPATH?"
            ) from error
        raise ValueError(_why(place, error)) from error
    except Exception as error:  # whatever the module's own code raises
        raise ValueError(_why(place, error)) from error


def _load_file(path: Path) -> ModuleType:
    file = path.resolve()
    main = sys.modules["__main__"]
    if (script := getattr(main, "__file__", None)) and Path(script).resolve() == file:
        return main  # which must not run a second time
    if file in _loaded:
        return _loaded[file]
    if not file.is_file():
        raise ValueError(f"There is no file {path}.")
    name = f"{file.stem}_{hashlib.sha1(str(file).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file: its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent))  # it may import its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the file's own code raises
        del sys.modules[name]
        raise ValueError(_why(str(path), error)) from error
    finally:
        sys.path.remove(str(file.parent))
    _loaded[file] = module
    return module


def _why(place: str, error: BaseException) -> str:
    return f"{place} cannot be imported ({explain(error)})."


def explain(error: BaseException, within: Sequence[Path] = ()) -> str:
    """An exception in a few words, with the place in the code where it arose: in these files, if it did."""
    first_line = next(iter(str(error).strip().splitlines()), "")
    what = f"{type(error).__name__}: {first_line}".rstrip(": ")
    if isinstance(error, SyntaxError):
        return f"{what} in {Path(error.filename or '?').name}, line {error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    outside = [f for f in frames if Path(f.filename) != Path(__file__)]
    outside = [f for f in outside if Path(f.filename) in within] or outside
    return f"{what} in {Path(outside[-1].filename).name}, line {outside[-1].lineno}" if outside else what
