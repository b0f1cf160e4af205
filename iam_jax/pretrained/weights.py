"""Parameters as a safetensors file: each array under its path, such as ``params/Dense_0/kernel``."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from iam_jax.config import ConfigError

FILE = "params.safetensors"


def write(params: Any, folder: Path) -> None:
    """Writes the parameters of one agent, a tree of arrays."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    arrays = {_name(path): np.ascontiguousarray(leaf) for path, leaf in leaves}
    (folder / FILE).write_bytes(save(arrays))


def read(folder: Path, like: Any) -> Any:
    """The parameters in a folder, as a tree like ``like`` (of arrays or of their shapes).

    Raises:
      ConfigError: The file is damaged, or of another model.
    """
    file = folder / FILE
    try:
        arrays = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{file} is missing or damaged ({error}).") from error
    leaves, tree = jax.tree_util.tree_flatten_with_path(like)
    ours = {_name(path): (leaf.shape, np.dtype(leaf.dtype)) for path, leaf in leaves}
    theirs = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    if wrong := sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)):
        raise ConfigError(
            f"{file} is of another model: {wrong[0]} is {_shown(theirs.get(wrong[0]))} there and "
            f"{_shown(ours.get(wrong[0]))} here."
        )
    return jax.tree.unflatten(tree, [jax.numpy.asarray(arrays[name]) for name in ours])


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _shown(array: tuple[tuple[int, ...], np.dtype] | None) -> str:
    return "none" if array is None else f"{array[1]}{list(array[0])}"
