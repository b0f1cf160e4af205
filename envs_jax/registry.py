"""Environments by name."""

import ast
import difflib
import importlib
from collections.abc import Iterable
from typing import Any

ENVIRONMENTS = {
    "warehouse": "envs_jax.warehouse.env:warehouse",
    "mini-warehouse": "envs_jax.warehouse.env:mini_warehouse",
    "traffic": "envs_jax.traffic.env:traffic",
    "redbluedoors-6x6": "envs_jax.minigrid.env:redbluedoors_6x6",
    "redbluedoors-8x8": "envs_jax.minigrid.env:redbluedoors_8x8",
    "memory-s7": "envs_jax.minigrid.env:memory_s7",
    "doorkey-5x5": "envs_jax.minigrid.env:doorkey_5x5",
    "doorkey-8x8": "envs_jax.minigrid.env:doorkey_8x8",
    "pong": "envs_jax.atari.env:pong",
    "breakout": "envs_jax.atari.env:breakout",
}
"""Name -> ``module:factory``; modules are imported when an environment is asked for."""
FROM_EXTRAS = {
    **{
        f"minatar-{game}": "envs_jax.minatar:make"
        for game in ("asterix", "breakout", "freeway", "seaquest", "space-invaders")
    },
    "ale:": "envs_jax.atari.ale:make",
}
"""The same for those that need another package; their factories take the name, or what follows the colon."""


def registered() -> tuple[str, ...]:
    """Names that `make` knows without any extra, gymnax's own not counted."""
    return tuple(ENVIRONMENTS)


def make(name: str, **overrides: Any) -> tuple[Any, Any]:
    """An environment and its default params.

    Args:
      name: One of `registered`; a game of MinAtar ("minatar-breakout") or one of gymnax's own environments
        ("CartPole-v1") where gymnax is installed; a game of ALE ("ale:Breakout") where ale-py is.
      **overrides: Arguments of the environment, such as ``size=11`` for the Warehouse.

    Raises:
      ValueError: The name is unknown (the message lists near misses), or an argument is.
    """
    prefix, colon, rest = name.partition(":")
    if name in ENVIRONMENTS:
        path, arguments = ENVIRONMENTS[name], []
    elif prefix + colon in FROM_EXTRAS:
        path, arguments = FROM_EXTRAS[prefix + colon], [rest or name]
    else:
        return _make_gymnax(name, overrides)
    module, factory = path.split(":")
    factory = getattr(importlib.import_module(module), factory)
    try:
        env = factory(*arguments, **overrides)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Environment {name!r}: {error}.") from error
    return env, env.default_params


def parse_arguments(texts: Iterable[str]) -> dict[str, Any]:
    """``["size=11", "legacy_removal=true"]`` as keyword arguments of `make`.

    Raises:
      ValueError: A text is not NAME=VALUE, or a name comes twice.
    """
    arguments: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not (name.isidentifier() and separator) or name in arguments:
            raise ValueError(
                f"Environment arguments are NAME=VALUE, such as size=11, each name once, not {text!r}."
            )
        try:
            literal = value.capitalize() if value in ("true", "false", "none") else value
            arguments[name] = ast.literal_eval(literal)
        except (ValueError, SyntaxError):
            arguments[name] = value
    return arguments


def register_with_gymnax() -> None:
    """Makes every environment here available as ``gymnax.make(name)``. Needs gymnax."""
    from envs_jax.gymnax_view import register

    register()


def _make_gymnax(name: str, overrides: dict[str, Any]) -> tuple[Any, Any]:
    try:
        import gymnax  # costs seconds, so only when one of its environments may be meant
    except ImportError:
        raise ValueError(f"{_unknown(name, [])} For gymnax's own, install gymnax.") from None
    if name not in gymnax.registered_envs:
        raise ValueError(_unknown(name, gymnax.registered_envs))
    try:
        return gymnax.make(name, **overrides)
    except TypeError as error:
        raise ValueError(f"Environment {name!r}: {error}.") from error


def _unknown(name: str, others: Iterable[str]) -> str:
    ours = [*ENVIRONMENTS, *(known.replace("ale:", "ale:Pong") for known in FROM_EXTRAS)]
    near = difflib.get_close_matches(name, [*ours, *others], n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(ours)}."
    return f"Unknown environment {name!r}. {hint}"
