"""What an experiment is: methods that are compared on one task or on several."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Method:
    """One line of a table.

    Attributes:
      label: Its name there.
      options: Of ``iam_jax.train``, beside those of the experiment.
      fault: A fault of the published learner that is put back; see `faults`.
    """

    label: str
    options: str = ""
    fault: str | None = None


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Methods that are compared.

    Attributes:
      title: Of its figure.
      options: Of every method.
      methods: By name; the name is that of the file with the results.
      seeds: How many each has.
      steps: Environment steps of each seed.
      baseline: The method that others are compared with.
      shared: Method -> the experiment that it belongs to as well, with the same options; its results are
        kept there.
    """

    title: str
    options: str
    methods: dict[str, Method]
    seeds: int
    steps: int
    baseline: str = "rnn"
    shared: dict[str, str] = dataclasses.field(default_factory=dict)
