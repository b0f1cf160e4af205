"""Checkpoints of a run: the last one, and the one with the best evaluation.

A checkpoint appears under its name, the number of updates done, only when it is complete (Orbax writes a
temporary folder and renames it), so a kill at any moment leaves the one before. One whose files were cut
short afterwards is named and passed over.
"""

import dataclasses
import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import jax
import orbax.checkpoint as ocp
from jax.sharding import SingleDeviceSharding
from orbax.checkpoint import checkpoint_managers

from iam_jax.config import ConfigError

Which = Literal["last", "best"]
Say = Callable[[str], None]


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
        self.folder = Path(run_dir).absolute() / "checkpoints"

    def updates(self) -> list[int]:
        """The checkpoints that are there, the newest first."""
        found = self.folder.glob("*") if self.folder.is_dir() else []
        return sorted((int(path.name) for path in found if path.name.isdecimal()), reverse=True)

    def save(self, state: Any, progress: Progress, mean_return: float | None = None) -> None:
        """Writes ``state``; with the mean return of an evaluation it may become the best one."""
        if self._manager.latest_step() == progress.update:
            return
        saved = self._manager.save(
            progress.update,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(_present(state)),
                progress=ocp.args.JsonSave(dataclasses.asdict(progress)),
            ),
            # Orbax ranks checkpoints without a number below all others.
            metrics={"return": float("-inf") if mean_return is None else mean_return},
        )
        if not saved:
            raise ConfigError(f"{self.folder} holds later checkpoints, of another run.")

    def restore(self, like: Any, which: Which = "last", say: Say = print) -> tuple[Any, Progress]:
        """A saved state with the tree and shapes of ``like``.

        Args:
          like: A state or its `jax.eval_shape`.
          which: "last" or "best".
          say: Is told of damaged checkpoints that are passed over.

        Raises:
          ConfigError: There is no whole checkpoint, or it belongs to another model.
        """
        target = jax.tree.map(ocp.utils.to_shape_dtype_struct, _present(like))

        def read(step: Path) -> tuple[Any, Progress]:
            self._check_shapes(jax.eval_shape(_without_keys, like), step)
            with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as reader:
                state = reader.restore(step / "state", args=ocp.args.StandardRestore(target))
            if dataclasses.is_dataclass(like):
                state = dataclasses.replace(like, **state)  # type: ignore[type-var]
            return state, _progress(step)

        return self._first_whole(read, which, say)

    def restore_params(self, like: Any, which: Which = "best", say: Say = print) -> tuple[Any, Progress]:
        """The saved parameters alone, on one device; arguments as of `restore`, ``like`` the parameters'."""
        place = SingleDeviceSharding(jax.devices()[0])
        target = {
            "params": jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), like)
        }
        wanted = ocp.args.PyTreeRestore(
            item=target,
            restore_args=ocp.checkpoint_utils.construct_restore_args(target),
            partial_restore=True,
        )

        def read(step: Path) -> tuple[Any, Progress]:
            self._check_shapes({"params": like}, step, only="params")
            with ocp.PyTreeCheckpointer() as reader:
                return reader.restore(step / "state", args=wanted)["params"], _progress(step)

        return self._first_whole(read, which, say)

    def set_aside_after(self, update: int) -> None:
        """Renames the checkpoints behind ``update``, which are damaged, so that the run can go on."""
        for later in self.updates():
            if later > update:
                (self.folder / str(later)).rename(self.folder / f"damaged-{later}")

    def _first_whole(self, read: Callable[[Path], Any], which: Which, say: Say) -> Any:
        """What ``read`` finds in the wanted checkpoint or, if that is damaged, in the newest whole one."""
        updates = self.updates()
        if not updates:
            raise ConfigError(f"There is no checkpoint in {self.folder}: the run had not saved one yet.")
        if which == "best":
            best = max(updates, key=lambda update: (_mean_return(self.folder / str(update)), update))
            updates = [best, *(update for update in updates if update != best)]
        for update, other in zip(updates, [*updates[1:], None], strict=True):
            try:
                return read(self.folder / str(update))
            except ConfigError:
                raise
            except Exception as error:  # whatever Orbax and its parsers raise on files that are not whole
                reason = str(error).partition("\n")[0] or type(error).__name__
                damage = f"The checkpoint of update {update} in {self.folder} is damaged ({reason})"
                if other is None:
                    raise ConfigError(f"{damage}, and there is no other.") from error
                say(f"{damage}: using the one of update {other} instead.")

    def _check_shapes(self, like: Any, step: Path, only: str | None = None) -> None:
        saved: Any = ocp.PyTreeCheckpointHandler().metadata(step / "state").tree
        ours, theirs = _shapes(like), _shapes(saved if only is None else {only: saved[only]})
        if wrong := sorted(set(ours.items()) ^ set(theirs.items())):
            name = wrong[0][0]
            raise ConfigError(
                f"The checkpoint in {self.folder} is of another model: {name} has shape "
                f"{theirs.get(name, 'none')} there and {ours.get(name, 'none')} here."
            )

    @cached_property
    def _manager(self) -> ocp.CheckpointManager:
        def keep(metrics: Any) -> float:
            return metrics["return"]

        policy = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(1),
                checkpoint_managers.BestN(get_metric_fn=keep, n=1, keep_checkpoints_without_metrics=False),
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy, best_fn=keep, enable_async_checkpointing=False
        )
        handlers = {"state": ocp.StandardCheckpointHandler(), "progress": ocp.JsonCheckpointHandler()}
        return ocp.CheckpointManager(self.folder, options=options, item_handlers=handlers)


def _present(state: Any) -> Any:
    """The parts of a state that there are: Orbax tells None from what an older version did not have."""
    if not dataclasses.is_dataclass(state):
        return state
    parts = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    return {name: part for name, part in parts.items() if part is not None}


def _progress(step: Path) -> Progress:
    return Progress(**json.loads((step / "progress" / "metadata").read_text(encoding="utf-8")))


def _mean_return(step: Path) -> float:
    """Of the evaluation that a checkpoint was saved with; minus infinity without one."""
    try:
        return float(json.loads((step / "metrics" / "metrics").read_text(encoding="utf-8"))["return"])
    except (OSError, ValueError, KeyError, TypeError):
        return float("-inf")


def _without_keys(tree: Any) -> Any:
    """Random keys as the integers that are stored."""

    def data(x: Any) -> Any:
        return jax.random.key_data(x) if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x

    return jax.tree.map(data, tree)


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): x.shape for path, x in leaves}
