"""The search: from all variables down, the least missed first; then how far down one can go."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from iam_jax.agent import Agent
from iam_jax.build import make_env, name_of
from iam_jax.config import Config, ConfigError
from iam_jax.d_set.histories import Histories, Variable, collect
from iam_jax.d_set.predictor import Predictor, fit, fitted_losses, losses
from iam_jax.limits import check_range

HELD_OUT = 4
"""One history of so many is held out."""
SLACK = 0.01
"""Worse by less than this share of what the history explains counts as nothing."""
ERRORS = 3
"""So do as many standard errors: the best of several subsets is in part the luckiest."""
ROUND = 8
"""One of so many variables is left out at a time, at least one."""


class Tried(NamedTuple):
    """A subset that a predictor was fitted for.

    Attributes:
      names: Of its variables.
      loss: The share of the variance that is not explained, mean over histories and fits.
      worse: How much higher that is than the lowest of all subsets that were tried.
      error: Standard error of ``worse``, over histories and fits.
    """

    names: tuple[str, ...]
    loss: float
    worse: float
    error: float


class Found(NamedTuple):
    """What came out.

    Attributes:
      variables: The smallest subset whose history does as well as any, in the order of the observation.
      tried: Every subset that was fitted, the smallest first; the last one is everything.
      order: All variables, in the order in which they were left out.
      predicted: What was predicted, in words.
      policy: Who played.
      needs_memory: Whether the history tells more than what is seen now.
    """

    variables: tuple[str, ...]
    tried: tuple[Tried, ...]
    order: tuple[str, ...]
    predicted: str
    policy: str
    needs_memory: bool

    @property
    def options(self) -> str:
        """Of ``python -m iam_jax.train``."""
        if not self.variables:
            return "--model fnn"
        names = " ".join(f"'{name}'" if "[" in name else name for name in self.variables)
        return f"--model iam --d-set manual --d-set-indices {names}"


def find_d_set(
    env: Any,
    *,
    policy: str = "random",
    agent: Agent | None = None,
    num_histories: int = 512,
    history_length: int = 64,
    fit_steps: int = 600,
    num_fits: int = 2,
    units: int = 32,
    encoder: str = "auto",
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Found:
    """The smallest set of variables whose history predicts what is hidden as well as any history does.

    Where the environment shows what is hidden (`Environment.hidden`) that is predicted, and otherwise the
    next observation and reward, given the action. First one predictor learns to do with any subset. It says
    which variable is missed least, again and again, which makes a row of subsets, each within the next. Then
    predictors are fitted for each of some subsets of that row. The best of them is the measure, for with
    everything to read a predictor also learns accidents. The smallest one is taken that is not worse than it
    by more than three standard errors, or a hundredth of what the history explains.

    Args:
      env: A name or place as `envs_jax.make` takes it, an environment (or a pair of one and its params), or a
        `Config`, whose wrappers then are around it.
      policy: Who plays: "random", or one of the environment's reference policies.
      agent: Who plays instead.
      num_histories: How many are played; a quarter of them is held out.
      history_length: Steps of each. It must be long enough for what is remembered to matter.
      fit_steps: Gradient steps of a fit.
      num_fits: Fits of each subset, with seeds of their own.
      units: Units of the predictors' memory.
      encoder: "vector" reads small pictures entry by entry.
      seed: Of everything that is drawn.
      say: Is told what is going on.

    Raises:
      ConfigError: A choice cannot work; the message says what to change.
    """
    inside, params = _environment(env)
    if inside.external:
        raise ConfigError("A d-set can only be searched in an environment that is stepped inside of JAX.")
    sizes = {"num_histories": num_histories, "history_length": history_length, "units": units}
    for name, number in (sizes | {"fit_steps": fit_steps, "num_fits": num_fits}).items():
        check_range(name, number)
    say(f"Playing {num_histories} histories of {history_length} steps ...")
    data, variables, predicted = collect(
        inside, params, policy=policy, agent=agent, encoder=encoder,
        num=num_histories, steps=history_length, seed=seed,
    )  # fmt: skip
    cut = num_histories // HELD_OUT
    train, held_out = data.of(slice(cut, None)), data.of(slice(cut))
    model = Predictor(units, data.target.shape[-1])

    say(f"Learning to predict {predicted} from the history of any of {len(variables)} variables ...")
    order = left_out(model, train, held_out, variables, jax.random.key(seed), 2 * fit_steps)
    subsets = [tuple(sorted(order[len(order) - size :])) for size in range(len(order) + 1)]

    fits: dict[int, np.ndarray] = {}
    new = sizes_to_try(len(variables))
    while new:
        for size in new:
            say(f"Fitting the history of {size} variables ...")
            mask = _mask(subsets[size], variables)
            arguments = (model, train, held_out, mask, jnp.int32(seed + 1))
            fits[size] = np.asarray(fitted_losses(*arguments, steps=fit_steps, num_seeds=num_fits))
        tried = {size: _compared(fits, size, subsets, variables) for size in fits}
        best = smallest(tried)
        # Between the answer and the next smaller size that was tried, every size is.
        below = max((size for size in fits if size < best), default=best)
        gap = list(range(below + 1, best))
        new = gap[:: -(-len(gap) // ROUND)] if gap else []
    rows = tuple(tried[size] for size in sorted(tried))
    return Found(
        variables=rows[sorted(tried).index(best)].names,
        tried=rows,
        order=tuple(variables[i].name for i in order),
        predicted=predicted,
        policy="an agent" if agent is not None else policy,
        needs_memory=best > 0,
    )


def left_out(
    model: Predictor,
    train: Histories,
    held_out: Histories,
    variables: tuple[Variable, ...],
    key: jax.Array,
    steps: int,
) -> tuple[int, ...]:
    """The variables in the order in which they are left out, the one that is missed most last."""
    places = np.zeros(train.obs.shape[-1], int)
    for i, variable in enumerate(variables):
        places[list(variable.places)] = i
    params = jax.jit(partial(fit, model, mask=None, steps=steps, places=places))(train, key=key)
    loss = jax.jit(lambda mask, data: losses(model, params, mask, data).mean())
    order: list[int] = []
    left = list(range(len(variables)))
    while left:
        without = [[j for j in left if j != i] for i in left]
        missed = [float(loss(_mask(subset, variables), held_out)) for subset in without]
        number = max(1, len(left) // ROUND)
        least = [left[k] for k in np.argsort(missed, kind="stable")[:number]]
        order += least
        left = [i for i in left if i not in least]
    return tuple(order)


def sizes_to_try(number: int) -> list[int]:
    """0, 1, 2, 3, 4, 6, 8, 12, 16, 24, ... and all."""
    sizes, size = {0, number}, 1
    while size < number:
        sizes |= {size, size + size // 2}
        size *= 2
    return sorted(size for size in sizes if size <= number)


def smallest(tried: dict[int, Tried]) -> int:
    """The smallest size that is as good as the best."""
    slack = SLACK * tried[0].worse
    return min(size for size, row in tried.items() if row.worse <= max(ERRORS * row.error, slack))


def _compared(
    fits: dict[int, np.ndarray], size: int, subsets: list[tuple[int, ...]], variables: tuple[Variable, ...]
) -> Tried:
    """A subset beside the best one, on the same histories and with the same seeds."""
    worse = fits[size] - min(fits.values(), key=np.mean)
    over_fits, over_histories = worse.mean(1), worse.mean(0)
    variance = over_histories.var() / len(over_histories) + over_fits.var(ddof=1) / len(over_fits)
    names = tuple(variables[i].name for i in subsets[size])
    return Tried(names, float(fits[size].mean()), float(worse.mean()), float(variance**0.5))


def _mask(subset: Sequence[int], variables: tuple[Variable, ...]) -> np.ndarray:
    """1 at the places of some variables, float32[O]."""
    mask = np.zeros(sum(len(variable.places) for variable in variables), np.float32)
    for i in subset:
        mask[list(variables[i].places)] = 1
    return mask


def _environment(env: Any) -> Any:
    """The environment and its params, of whatever was handed over."""
    if isinstance(env, Config):
        return make_env(env)
    if isinstance(env, str):
        return make_env(Config(env=env))
    return make_env(Config(env=name_of(env)), given=env)
