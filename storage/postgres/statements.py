"""Statements as PostgreSQL takes them: numbered parameters, and JSON for several sets at once."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# A quoted string, a quoted name, a cast, or a parameter.
_PIECES = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|::|:([A-Za-z_]\w*)")

_BY_ID = " WHERE id = :id"

KEPT = 2_048


class Numbered(NamedTuple):
    """A statement with $1, $2 ... for its parameters, and their names in that order."""

    text: str
    names: tuple[str, ...]
    selects: bool
    inserts: bool  # one row of values
    updates: bool  # one row, by its id
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
    inserts = _values(statement) is not None
    returns = selects or statement.lstrip().startswith("WITH") or " RETURNING " in statement
    updates = statement.startswith("UPDATE ") and statement.endswith(_BY_ID)
    return Numbered(text, tuple(names), selects, inserts, updates, returns)


def _values(statement: str) -> tuple[str, str, str] | None:
    """Return an INSERT of one row of values as what stands before, in and behind its VALUES."""
    head, word, rest = statement.partition(" VALUES (")
    if not (word and head.startswith("INSERT INTO ")):
        return None
    depth = 1
    for place, sign in enumerate(rest):
        depth += (sign == "(") - (sign == ")")
        if not depth:
            return head, rest[:place], rest[place + 1 :]
    return None


@lru_cache(KEPT)
def for_each(statement: str, types: tuple[str, ...]) -> str:
    """Return a SELECT, or what writes one row, as one over sets of its values as JSON.

    JSON is what the driver sends fastest. A SELECT's rows begin with the number of their set,
    counted from 1.
    """
    numbers = {name: number for number, name in enumerate(numbered(statement).names)}

    def one(found: re.Match[str]) -> str:
        return found[0] if found[1] is None else f"given.g{numbers[found[1]]}"

    typed = ", ".join(f'"{name}" {type_}' for name, type_ in zip(numbers, types, strict=True))
    columns = ", ".join(f"g{number}" for number in range(len(types)))
    given = (
        f"ROWS FROM (json_to_recordset($1::json) AS ({typed})) WITH ORDINALITY"
        f" AS given({columns}, nth)"
    )
    if parts := _values(statement):
        head, values, tail = parts
        return f"{head} SELECT {_PIECES.sub(one, values)} FROM {given} ORDER BY nth{tail}"
    if statement.endswith(_BY_ID):
        change = _PIECES.sub(one, statement.removesuffix(_BY_ID))
        return f"{change} FROM {given} WHERE id = given.g{numbers['id']}"
    return f"SELECT given.nth, found.* FROM {given}, LATERAL ({_PIECES.sub(one, statement)}) found"
