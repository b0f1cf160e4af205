"""When does it pay to select what is remembered? Distractors, size of the memory and horizon, one at a time.

Every agent of a point has the same memory and as many parameters as the others: the width of its feedforward
path makes up for what its memory reads. ``python -m benchmarks.reproduction.selection`` finds the widths.
"""

import dataclasses
import json
from pathlib import Path

from benchmarks.reproduction.experiment import Experiment, Method

WIDTHS = Path(__file__).with_name("selection_widths.json")
LEARNER = "--num-envs 64 --num-steps 128 --bptt-length 128 --minibatch-steps 2048 --num-epochs 4"
REFERENCE = "iam-manual"
REFERENCE_WIDTH = 128


@dataclasses.dataclass(frozen=True)
class Point:
    """Where agents are compared.

    Attributes:
      level: Of RepeatPrevious: easy, medium and hard ask for the card of 4, 32 and 64 steps ago.
      distractors: Variables that have nothing to do with the task, beside the 4 of the card.
      hidden: Units of the memory.
    """

    level: str = "easy"
    distractors: int = 64
    hidden: int = 32

    @property
    def name(self) -> str:
        return f"{self.level}-{self.distractors}-{self.hidden}"

    @property
    def options(self) -> str:
        return (
            f"--env popgym-repeat-previous-{self.level} --distractors {self.distractors} "
            f"--hidden {self.hidden} {LEARNER}"
        )


AXES = {
    "distractors": {n: Point(distractors=n) for n in (0, 16, 64, 256)},
    "memory": {h: Point(hidden=h) for h in (4, 8, 16, 32, 64, 128)},
    "horizon": {k: Point(level=level) for k, level in ((4, "easy"), (32, "medium"), (64, "hard"))},
}
"""Axis -> what varies along it -> the point; the others stay at 64 distractors, 32 units and 4 steps."""
AGENTS = {
    "rnn": ("GRU", "--model rnn"),
    "iam-manual": ("IAM, manual d-set", "--model iam"),
    "iam-static": ("IAM, static d-set", "--model iam --d-set static"),
    "iam-dynamic": ("IAM, dynamic d-set", "--model iam --d-set dynamic --heads 4 --attention-units 16"),
    "iam-identity": ("IAM, whole observation", "--model iam --d-set identity"),
    "rnn-mingru": ("minGRU", "--model rnn --cell mingru"),
    "iam-mingru": ("IAM, manual d-set, minGRU", "--model iam --cell mingru"),
}


def points() -> list[Point]:
    """Each once, whatever the number of axes that it lies on."""
    return list(dict.fromkeys(point for axis in AXES.values() for point in axis.values()))


def experiment() -> Experiment:
    """Every agent at every point, as method ``POINT-AGENT``."""
    widths = json.loads(WIDTHS.read_text())
    methods = {
        f"{point.name}-{agent}": Method(label, f"{point.options} {options} --fc {widths[point.name][agent]}")
        for point in points()
        for agent, (label, options) in AGENTS.items()
    }
    return Experiment(
        "RepeatPrevious, what the memory reads",
        "",
        methods,
        seeds=5,
        steps=600_000,
        baseline=f"{Point().name}-rnn",
    )


def width(options: str, parameters: int) -> int:
    """Width of the feedforward path with which a network has most nearly so many parameters.

    One layer's parameters grow with its width by the same number each time, so two networks tell.
    """
    narrow, wide = count(f"{options} --fc 8"), count(f"{options} --fc 9")
    return max(8 + round((parameters - narrow) / (wide - narrow)), 1)


def count(options: str) -> int:
    """Parameters of the network that the options of ``iam_jax.train`` make; nothing is computed."""
    import jax

    from iam_jax.build import make_learner
    from iam_jax.models.actor_critic import count_parameters
    from iam_jax.train import parse

    learner = make_learner(parse(options.split()))
    return count_parameters(jax.eval_shape(learner.init, jax.random.key(0)).params)


def _find_widths() -> dict[str, dict[str, int]]:
    found = {}
    for point in points():
        reference = f"{point.options} {AGENTS[REFERENCE][1]} --fc {REFERENCE_WIDTH}"
        parameters = count(reference)
        found[point.name] = {
            agent: width(f"{point.options} {options}", parameters) for agent, (_, options) in AGENTS.items()
        }
    return found


if __name__ == "__main__":
    WIDTHS.write_text(json.dumps(_find_widths(), indent=1) + "\n")
