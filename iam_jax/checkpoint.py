"""Checkpoints of a run: the last one, and the one with the best evaluation.

A checkpoint appears under its name only when it is complete (Orbax writes a temporary folder and
renames it), so a kill at any moment leaves the one before.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from iam_jax.config import ConfigError


@dataclasses.dataclass(frozen=True)
class Progress:
    """What the host knows beside the `TrainState`.

    Attributes:
      update: Updates done.
      seconds: Training time so far, compilation not counted.
    """

    update: int
    seconds: float = 0.0


class Checkpoints:
    """The checkpoints below one run's folder."""

    def __init__(self, run_dir: str | Path):
        def keep(metrics: Any) -> float:
            return metrics["return"]

        policy = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(1),
                checkpoint_managers.BestN(get_metric_fn=keep, n=1, keep_checkpoints_without_metrics=False),
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy,
            best_fn=keep,
            enable_async_checkpointing=False,
        )
        folder = Path(run_dir).absolute() / "checkpoints"
        self._manager = ocp.CheckpointManager(
            folder,
            options=options,
            item_handlers={
                "state": ocp.StandardCheckpointHandler(),
                "progress": ocp.JsonCheckpointHandler(),
            },
        )

    def save(self, state: Any, progress: Progress, mean_return: float | None = None) -> None:
        """Writes ``state``; with the mean return of an evaluation it may become the best one."""
        if self._manager.latest_step() == progress.update:
            return
        saved = self._manager.save(
            progress.update,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state),
                progress=ocp.args.JsonSave(dataclasses.asdict(progress)),
            ),
            # Orbax ranks checkpoints without a number below all others.
            metrics={"return": float("-inf") if mean_return is None else mean_return},
        )
        if not saved:
            raise ConfigError(f"{self._manager.directory} holds later checkpoints, of another run.")

    def last_update(self) -> int | None:
        """Update of the last checkpoint, or None without one."""
        return self._manager.latest_step()

    def restore(self, like: Any, which: str = "last") -> tuple[Any, Progress]:
        """A saved state with the tree and shapes of ``like``.

        Args:
          like: A state or its `jax.eval_shape`.
          which: "last" or "best".

        Raises:
          ConfigError: There is no checkpoint, or it belongs to another model.
        """
        step = self._manager.latest_step() if which == "last" else self._manager.best_step()
        if step is None:
            raise ConfigError(f"There is no checkpoint in {self._manager.directory}.")
        folder = self._manager.directory
        shapes = jax.eval_shape(_without_keys, like)
        like = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        wanted = ocp.args.Composite(state=ocp.args.StandardRestore(like), progress=ocp.args.JsonRestore())
        try:
            _check_shapes(shapes, self._manager.item_metadata(step)["state"], folder)
            restored = self._manager.restore(step, args=wanted)
        except ConfigError:
            raise
        except Exception as error:  # whatever Orbax and its parsers raise on files that are not whole
            reason = str(error).partition("\n")[0]
            raise ConfigError(f"The checkpoint in {folder} is damaged ({reason}).") from error
        return restored["state"], Progress(**restored["progress"])


def _without_keys(tree: Any) -> Any:
    """Random keys as the integers that are stored."""

    def data(x: Any) -> Any:
        return jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x

    return jax.tree.map(data, tree)


def _check_shapes(like: Any, saved: Any, folder: Any) -> None:
    def shapes(tree: Any) -> dict[str, tuple[int, ...]]:
        leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
        return {jax.tree_util.keystr(path, simple=True, separator="/"): x.shape for path, x in leaves}

    ours, theirs = shapes(like), shapes(saved)
    wrong = sorted(set(ours.items()) ^ set(theirs.items()))
    if wrong:
        name = wrong[0][0]
        raise ConfigError(
            f"The checkpoint in {folder} is of another model: {name} has shape "
            f"{theirs.get(name, 'none')} there and {ours.get(name, 'none')} here."
        )
