"""Statements as PostgreSQL takes them: numbered parameters, and JSON for several sets at once."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from storage.inserts import parted

if TYPE_CHECKING:
    from collections.abc import Mapping

# A quoted string, a quoted name, a cast, or a parameter.
_PIECES = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|::|:([A-Za-z_]\w*)")

_BY_ID = " WHERE id = :id"

# The table that is written, and those that are looked at.
_TABLE = re.compile(r"(?:INSERT INTO|UPDATE) (\w+)")
_LOOKS = re.compile(r"\b(?:FROM|JOIN) (\w+)")

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
    inserts = parted(statement) is not None
    returns = selects or statement.lstrip().startswith("WITH") or " RETURNING " in statement
    updates = statement.startswith("UPDATE ") and statement.endswith(_BY_ID)
    return Numbered(text, tuple(names), selects, inserts, updates, returns)


@lru_cache(KEPT)
def for_each(statement: str, types: tuple[str, ...], parameter: int = 1) -> str:
    """Return a SELECT, or what writes one row, as one over sets of its values as JSON.

    JSON is what the driver sends fastest; `parameter` is its number. A SELECT's rows begin with
    the number of their set, counted from 1.
    """
    numbers = {name: number for number, name in enumerate(numbered(statement).names)}

    def one(found: re.Match[str]) -> str:
        return found[0] if found[1] is None else f"given.g{numbers[found[1]]}"

    typed = ", ".join(f'"{name}" {type_}' for name, type_ in zip(numbers, types, strict=True))
    columns = ", ".join(f"g{number}" for number in range(len(types)))
    given = (
        f"ROWS FROM (json_to_recordset(${parameter}::json) AS ({typed})) WITH ORDINALITY"
        f" AS given({columns}, nth)"
    )
    if insert := parted(statement):
        row = _PIECES.sub(one, insert.row)
        return f"{insert.head} SELECT {row} FROM {given} ORDER BY nth{insert.tail}"
    if statement.endswith(_BY_ID):
        change = _PIECES.sub(one, statement.removesuffix(_BY_ID))
        return f"{change} FROM {given} WHERE id = given.g{numbers['id']}"
    return f"SELECT given.nth, found.* FROM {given}, LATERAL ({_PIECES.sub(one, statement)}) found"


@lru_cache(KEPT)
def independent(statements: tuple[str, ...]) -> bool:
    """Tell whether they may go in any order: writes, each of a table at which no other looks."""
    written_to = [_TABLE.match(statement) for statement in statements]
    tables = {found[1] for found in written_to if found}
    return len(tables) == len(statements) and not any(
        tables & {*_LOOKS.findall(statement)} - {found[1]}
        for statement, found in zip(statements, written_to, strict=True)
        if found
    )


@lru_cache(KEPT)
def joined(statements: tuple[str, ...]) -> str:
    """Return independent writes as one statement, which finds what the last of them does.

    Its values are named as theirs, with the number of the statement in front: w0_id, w1_id ...
    """
    *first, last = (
        _PIECES.sub(lambda found, at=at: f":w{at}_{found[1]}" if found[1] else found[0], statement)  # type: ignore[misc]
        for at, statement in enumerate(statements)
    )
    named = ", ".join(f"w{at} AS ({text})" for at, text in enumerate(first))
    return f"WITH {named} {last}" if first else last


@lru_cache(KEPT)
def written(statements: tuple[str, ...], types: tuple[tuple[str, ...], ...]) -> str:
    """Return independent writes as one statement, over sets of values for each as JSON."""
    *first, last = (
        for_each(statement, own, parameter)
        for parameter, (statement, own) in enumerate(zip(statements, types, strict=True), 1)
    )
    named = ", ".join(f"w{number} AS ({text})" for number, text in enumerate(first))
    return f"WITH {named} {last}" if first else last
