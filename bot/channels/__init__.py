"""The ways to reach a phone, one module a driver, found by name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from storage.errors import BadConfig

if TYPE_CHECKING:
    from bot.channels.base import Driver


def names() -> list[str]:
    """Return the names of all drivers, without importing them."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base")


def driver(name: str) -> Driver:
    """Import and return one driver. Raises BadConfig for a name there is none of."""
    if name not in names():
        raise BadConfig(f"there is no channel driver {name!r}; there are {', '.join(names())}")
    found: Driver = importlib.import_module(f"bot.channels.{name}").DRIVER
    return found
