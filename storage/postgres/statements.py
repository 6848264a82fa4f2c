"""Statements as PostgreSQL takes them: numbered parameters, and arrays for several at once."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A quoted string, a quoted name, a cast, or a parameter.
_PIECES = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|::|:([A-Za-z_]\w*)")

KEPT = 2_048


class Numbered(NamedTuple):
    """A statement with $1, $2 ... for its parameters, and their names in that order."""

    text: str
    names: tuple[str, ...]
    selects: bool
    returns: bool

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """Return the values that are given by name in the parameters' order."""
        return [given[name] for name in self.names]


@lru_cache(KEPT)
def numbered(statement: str) -> Numbered:
    """Return a statement written with `:name` as PostgreSQL numbers it."""
    names: list[str] = []

    def one(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return found[0]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    text = _PIECES.sub(one, statement)
    selects = statement.lstrip().startswith("SELECT")
    returns = selects or statement.lstrip().startswith("WITH") or " RETURNING " in statement
    return Numbered(text, tuple(names), selects, returns)


@lru_cache(KEPT)
def for_each(statement: str, types: tuple[str, ...]) -> str:
    """Return a SELECT as one over arrays of its parameters' values, each set's number first."""
    numbers = {name: number for number, name in enumerate(numbered(statement).names)}

    def one(found: re.Match[str]) -> str:
        return found[0] if found[1] is None else f"given.g{numbers[found[1]]}"

    arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(types, 1))
    columns = ", ".join(f"g{number}" for number in range(len(types)))
    return (
        f"SELECT given.nth, found.* FROM unnest({arrays}) WITH ORDINALITY"
        f" AS given({columns}, nth), LATERAL ({_PIECES.sub(one, statement)}) found"
    )


def columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return sets of values as one list for each parameter."""
    return [list(column) for column in zip(*rows, strict=True)]
