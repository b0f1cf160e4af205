"""Environments by name or place, and the door through which foreign ones come in."""

import difflib
import importlib
import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from envs_jax import paths, popgym

ENVIRONMENTS = {
    "warehouse": "envs_jax.warehouse.env:warehouse",
    "mini-warehouse": "envs_jax.warehouse.env:mini_warehouse",
    "traffic": "envs_jax.traffic.env:traffic",
    "tmaze": "envs_jax.tmaze:TMaze",
    "rocksample-11": "envs_jax.rocksample:rocksample_11",
    "rocksample-15": "envs_jax.rocksample:rocksample_15",
    "battleship-10": "envs_jax.battleship:Battleship",
    "redbluedoors-6x6": "envs_jax.minigrid.env:redbluedoors_6x6",
    "redbluedoors-8x8": "envs_jax.minigrid.env:redbluedoors_8x8",
    "memory-s7": "envs_jax.minigrid.env:memory_s7",
    "doorkey-5x5": "envs_jax.minigrid.env:doorkey_5x5",
    "doorkey-8x8": "envs_jax.minigrid.env:doorkey_8x8",
    "pong": "envs_jax.atari.env:pong",
    "breakout": "envs_jax.atari.env:breakout",
}
"""Name -> ``module:factory``; modules are imported when an environment is asked for."""
SUITES = {
    **{
        f"minatar-{game}": "envs_jax.minatar:make"
        for game in ("asterix", "breakout", "freeway", "seaquest", "space-invaders")
    },
    **dict.fromkeys(popgym.NAMES, "envs_jax.popgym:make"),
    "ale:": "envs_jax.atari.ale:make",
    "gymnasium:": "envs_jax.gymnasium:make",
    "brax:": "envs_jax.brax:make",
    "craftax:": "envs_jax.craftax:make",
    "navix:": "envs_jax.navix:make",
    "popgym_arcade:": "envs_jax.popgym_arcade:make",
}
"""The same for suites that others made; their factories take the name, or what follows the colon."""
ENTRY_POINTS = "iam_jax.environments"
"""Group of entry points by which installed packages offer theirs."""
BRIDGE = ("workers", "autoreset")
"""Arguments with which everything of gymnasium's can be made; see `envs_jax.gymnasium.Gymnasium`."""
EXAMPLES = {
    "ale:": "ale:Pong",
    "gymnasium:": "gymnasium:CartPole-v1",
    "brax:": "brax:hopper",
    "craftax:": "craftax:Craftax-Symbolic-v1",
    "navix:": "navix:Navix-DoorKey-8x8-v0",
    "popgym_arcade:": "popgym_arcade:CountRecallEasy",
}

_registered: dict[str, Callable[..., Any]] = {}
_checked: dict[str, tuple[Any, ...]] = {}
"""Foreign environments that were found to keep the contract, in this process, and what they came from."""


def registered() -> tuple[str, ...]:
    """Names of the environments that are this package's own."""
    return tuple(ENVIRONMENTS)


def register(name: str, factory: Callable[..., Any]) -> None:
    """Makes ``make(name)`` call a factory, in this process.

    Args:
      name: Not one that there is already, and without a colon.
      factory: A class or function that returns what `adapt` takes; arguments of `make` go to it.

    Raises:
      ValueError: The name cannot be given.
    """
    if ":" in name or not name.strip():
        raise ValueError(f"An environment's name must not be empty or have a colon: {name!r}.")
    if name in ENVIRONMENTS or name in SUITES:
        raise ValueError(f"There is an environment {name!r} already: choose another name.")
    _registered[name] = factory


def make(name: str, **overrides: Any) -> tuple[Any, Any]:
    """An environment and its params.

    Args:
      name: One of `registered`; what `register` or an installed package named; a game of MinAtar
        ("minatar-breakout") or of ALE ("ale:Breakout"); a task of POPGym ("popgym-repeat-first-easy"); one of
        gymnax ("CartPole-v1"), gymnasium ("gymnasium:CartPole-v1"), brax ("brax:hopper"), Craftax
        ("craftax:Craftax-Symbolic-v1"), navix ("navix:Navix-DoorKey-8x8-v0") or POPGym Arcade
        ("popgym_arcade:CountRecallEasy"); or a class or function of your own, as "my_module:MyEnv" or
        "path/to/my_env.py:MyEnv", that returns what `adapt` takes.
      **overrides: Arguments of the environment, such as ``size=11`` for the Warehouse.

    Raises:
      ValueError: There is no such environment (the message lists near misses), an argument is wrong, or it
        breaks the contract (`envs_jax.check_env`); in one sentence that says what to do.
    """
    prefix, colon, rest = name.partition(":")
    if name in ENVIRONMENTS:
        return _trusted(name, partial(paths.load(ENVIRONMENTS[name]), **overrides))
    if prefix + colon in SUITES:
        factory = paths.load(SUITES[prefix + colon])
        return _trusted(name, partial(factory, rest if colon else name, **overrides))
    if name in _registered:
        return _foreign(name, _registered[name], overrides, source=(_registered[name],))
    if colon:
        if not paths.is_path(name):
            raise ValueError(
                f"{name!r} is no place of an environment: write my_module:MyEnv or path/to/my_env.py:MyEnv."
            )
        return _foreign(name, paths.load(name), overrides, paths.Reference(paths.absolute(name)))
    points = {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    if name in points:
        return _foreign(name, paths.load(points[name].value), overrides, paths.Reference(points[name].value))
    return _make_gymnax(name, overrides, [*_registered, *points])


def adapt(thing: Any) -> tuple[Any, Any]:
    """An environment of anyone's as `(Environment, params)`.

    Args:
      thing: An `envs_jax.Environment`, an environment of gymnax or of gymnasium (which is copied for each
        copy that is played), a pair of the first two and params, or a class or function without arguments
        that returns one of these.

    Raises:
      ValueError: It is something else, or breaks the contract; in one sentence.
    """
    if isinstance(thing, tuple) and len(thing) == 2:
        env, _ = _adapted(thing[0], _name(thing[0]))
        return _check(_name(thing[0]), env, thing[1], thing)
    if _is_environment(thing):
        env, params = _adapted(thing, _name(thing))
        return _check(_name(thing), env, params, (thing,))
    if callable(thing):
        return _foreign(_name(thing), thing, {}, source=(thing,))
    raise ValueError(_not_one(_name(thing)))


def register_with_gymnax() -> None:
    """Makes every environment here available as ``gymnax.make(name)``. Needs gymnax."""
    importlib.import_module("envs_jax.gymnax").register(registered(), make)


def _trusted(name: str, factory: Callable[[], Any]) -> tuple[Any, Any]:
    """One of this package's own, which its tests hold to the contract."""
    try:
        env = factory()
    except (TypeError, ValueError) as error:
        raise ValueError(f"Environment {name!r}: {str(error).rstrip('.')}.") from error
    return env, env.default_params


def _foreign(
    name: str,
    factory: Any,
    overrides: dict[str, Any],
    reference: Callable[..., Any] | None = None,
    source: tuple[Any, ...] = (),
) -> tuple[Any, Any]:
    """What a factory returns, adapted and held to the contract.

    Args:
      name: What the factory is called.
      factory: Called with the overrides; those that the bridge to gymnasium has and the factory has not are
        the bridge's.
      overrides: As of `make`.
      reference: The same factory for another process, if it can be named there.
      source: What the name stands for now, if it may stand for something else later.
    """
    if not callable(factory):
        raise ValueError(f"{name}: {_not_one(_name(factory))}")
    bridge = {key: value for key, value in overrides.items() if key in BRIDGE and not _takes(factory, key)}
    given = {key: value for key, value in overrides.items() if key not in bridge}
    try:
        thing = factory(**given)
    except Exception as error:  # whatever the environment's own code raises
        raise ValueError(_call_failed(name, factory, overrides, error)) from error
    again = partial(factory if reference is None else reference, **given)
    inner = thing[0] if isinstance(thing, tuple) and len(thing) == 2 else thing
    if bridge and not _is_gymnasium(inner):
        raise ValueError(_call_failed(name, factory, overrides, TypeError()))
    env, params = _adapted(inner, name, again, bridge)
    params = params if inner is thing else thing[1]
    return _check(f"{name} {overrides}" if overrides else name, env, params, source)


def _takes(factory: Callable[..., Any], key: str) -> bool:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except ValueError:  # written in C, without a signature
        return False
    return any(p.name == key or p.kind == p.VAR_KEYWORD for p in parameters)


def _adapted(
    thing: Any, name: str, factory: Callable[[], Any] | None = None, bridge: Mapping[str, Any] | None = None
) -> tuple[Any, Any]:
    """An environment behind the contract, and its default params.

    Of gymnasium's, ``factory`` makes another one, and ``bridge`` says how they are played.
    """
    from envs_jax.environment import Environment

    if isinstance(thing, Environment):
        return thing, thing.default_params
    if _is_gymnasium(thing) and not isinstance(thing, type):
        door = importlib.import_module("envs_jax.gymnasium")
        try:
            env = door.from_factory(factory, thing, name=_name(thing), **(bridge or {}))
        except ValueError as error:
            raise ValueError(f"{name}: {error}.") from error
        return env, env.default_params
    if _is_gymnax(thing):
        env = importlib.import_module("envs_jax.gymnax").FromGymnax(thing)
        return env, env.default_params
    raise ValueError(_not_one(_name(thing)))


def _is_environment(thing: Any) -> bool:
    from envs_jax.environment import Environment

    if isinstance(thing, type):
        return False
    return isinstance(thing, Environment) or _is_gymnasium(thing) or _is_gymnax(thing)


def _is_gymnasium(thing: Any) -> bool:
    """Whether it is an environment of gymnasium or a class of such."""
    gymnasium = sys.modules.get("gymnasium")  # if it is one, somebody has imported it
    if gymnasium is None:
        return False
    return isinstance(thing, gymnasium.Env) or (isinstance(thing, type) and issubclass(thing, gymnasium.Env))


def _is_gymnax(thing: Any) -> bool:
    """Whether it has what gymnax's contract names; the one place that asks a foreigner what it is."""
    names = ("reset", "step", "reset_env", "step_env", "default_params", "action_space", "observation_space")
    return all(hasattr(thing, name) for name in names)


def _check(label: str, env: Any, params: Any, source: tuple[Any, ...]) -> tuple[Any, Any]:
    """Holds a foreign environment to the contract before the compiler sees it, once in a process.

    ``source`` tells apart what has the same label, such as two lambdas.
    """
    from envs_jax.testing import ContractError, check_env

    seen = _checked.get(label)
    if seen is None or len(seen) != len(source) or any(a is not b for a, b in zip(seen, source, strict=True)):
        try:
            check_env(env, params, num_envs=2, num_steps=20)
        except ContractError as error:
            raise ValueError(f"{label}: {str(error).rstrip('.')}.") from error
        finally:
            env.close()
        _checked[label] = source
    return env, params


def _name(thing: Any) -> str:
    cls = thing if inspect.isclass(thing) or inspect.isroutine(thing) else type(thing)
    return f"{cls.__module__}.{cls.__qualname__}"


def _not_one(name: str) -> str:
    return (
        f"{name} is no environment: hand over an envs_jax.Environment, a gymnax or gymnasium environment, or "
        "a class or function that returns one."
    )


def _call_failed(name: str, factory: Any, overrides: dict[str, Any], error: Exception) -> str:
    try:
        inspect.signature(factory).bind(**overrides)
    except TypeError as mismatch:
        return f"{name} cannot be called so ({mismatch}): it takes {inspect.signature(factory)}."
    except ValueError:
        pass  # written in C, without a signature
    return f"{name} cannot be made ({paths.explain(error)})."


def _make_gymnax(name: str, overrides: dict[str, Any], others: list[str]) -> tuple[Any, Any]:
    try:
        door = importlib.import_module("envs_jax.gymnax")  # costs seconds, so only where it may be meant
    except ImportError as error:
        raise ValueError(f"{_unknown(name, others)} For gymnax's own, install {error.name}.") from None
    if name not in door.names():
        raise ValueError(_unknown(name, [*others, *door.names()]))
    return door.make(name, **overrides)


def _unknown(name: str, others: Iterable[str]) -> str:
    ours = [*ENVIRONMENTS, *(EXAMPLES.get(known, known) for known in SUITES)]
    near = difflib.get_close_matches(name, [*ours, *others], n=3, cutoff=0.5)
    short = [known for known in ours if known not in popgym.NAMES[1:]]  # one stands for its 48
    known = f"Known: {', '.join(short)}; or write my_module:MyEnv or path/to/my_env.py:MyEnv for your own."
    hint = f"Did you mean {' or '.join(near)}?" if near else known
    return f"Unknown environment {name!r}. {hint}"
