"""Where parameters are read from: the checkpoints of a run, or an agent that comes with the package."""

from pathlib import Path
from typing import Any

from iam_jax.checkpoint import Checkpoints, Progress, Say, Which
from iam_jax.pretrained import folder_of, is_name, read_card, weights


def read_params(place: str | Path, like: Any, which: Which, say: Say) -> tuple[Any, Progress]:
    """The parameters in a run's folder or of ``pretrained:NAME``, and how long they were trained.

    Args:
      place: Folder or name.
      like: The parameters, or their shapes.
      which: Checkpoint of a run; an agent of the package has one alone.
      say: Is told of damaged checkpoints that are passed over.

    Raises:
      ConfigError: There are none, or they belong to another model.
    """
    folder = folder_of(place)
    if not is_name(place):
        return Checkpoints(folder).restore_params(like, which, say)
    card = read_card(folder)
    return weights.read(folder, like), Progress(card.updates, card.seconds)
