"""What is wrong with a configuration, a line for each problem, without any value in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bot.config import keys
from bot.config.sections import StakeholderType
from bot.config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import ValidationError

    Location = tuple[int | str, ...]

WORDS = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "string_type": "must be text in quotes",
    "tuple_type": "must be a list",
}


def unknown_tables(tree: Mapping[str, Any], known: Mapping[keys.Path, keys.Key]) -> Iterator[str]:
    """Yield a line for each top-level name that there is no section for."""
    for name in tree:
        if name not in Settings.model_fields:
            yield _unknown((name,), known)


def lines(error: ValidationError, known: Mapping[keys.Path, keys.Key]) -> Iterator[str]:
    """Yield a line for each error, those of a channel's own model among them."""
    for item in error.errors(include_url=False, include_input=False):
        inner = item.get("ctx", {}).get("errors", [])
        for found in inner or [item]:
            loc = (*item["loc"], *found["loc"]) if inner else item["loc"]
            # A default made of a value that is itself wrong: the value has its own line.
            if found["type"] != "default_factory_not_called":
                yield _line(loc, found["type"], found["msg"], known)


def _line(loc: Location, kind: str, message: str, known: Mapping[keys.Path, keys.Key]) -> str:
    path = tuple(part for part in loc if isinstance(part, str))
    if kind == "extra_forbidden":
        return _unknown(path, known)
    if path[-1:] == ("[key]",):
        return (
            f"channels.{path[1]} is no name for a channel: small letters, digits and single"
            " underscores, a letter first, 32 at most"
        )
    name = _name(loc)
    key = known.get(path)
    if kind == "missing":
        way = f": set {keys.variable(path)}" if key and key.secret else ""
        return f"{name} is missing{way}"
    # A channel's model can't know its name, and leaves room for it.
    words = _words(kind, message).replace("<NAME>", "".join(path[1:2]).upper())
    return f"{name}: {words}" if name else words


def _words(kind: str, message: str) -> str:
    message = WORDS.get(kind, message).removeprefix("Value error, ")
    return message.replace("Input should be", "must be").replace("String should", "should")


def _name(loc: Location) -> str:
    path = tuple(part for part in loc if isinstance(part, str))
    if path and keys.variable(path) in os.environ:
        return keys.variable(path)
    words = [f", entry {part + 1}, " if isinstance(part, int) else f".{part}" for part in loc]
    return "".join(words).strip("., ").replace(", .", ", ")


def _unknown(path: keys.Path, known: Mapping[keys.Path, keys.Key]) -> str:
    paths = [*known, *(key.path for key in keys.of_model(StakeholderType, ("types",)))]
    if len(path) == 1:
        paths += sorted({known[:depth] for known in paths for depth in (1, 2)})
    near = keys.dotted(keys.nearest(path, paths))
    return f"{keys.dotted(path)} is no setting; the nearest is {near}"
