"""Adapters for `popgym_replay`."""

from popgym_adapter import Adapter

ADAPTERS: dict[str, Adapter] = {}
