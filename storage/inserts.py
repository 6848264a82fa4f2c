"""INSERTs of one row, taken apart, so that an engine can put several rows into one statement."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

KEPT = 2_048

_INSERT = re.compile(r"(INSERT INTO (\w+) \([^()]*\)) VALUES (\(.*)", re.DOTALL)
# A quoted string, a bracket, or a parameter.
_PIECES = re.compile(r"'(?:[^']|'')*'|[()]|:([A-Za-z_]\w*)")


class Insert(NamedTuple):
    """An INSERT in parts. `row` is what stood in the brackets, `names` its parameters in order."""

    table: str
    head: str
    row: str
    tail: str
    names: tuple[str, ...]


@lru_cache(KEPT)
def parted(statement: str) -> Insert | None:
    """Return the parts of an INSERT; None of one that returns rows, or has several parameters
    elsewhere than in its one row.
    """
    found = _INSERT.fullmatch(statement)
    if found is None or " RETURNING " in statement:
        return None
    values, names, depth, end = found[3], [], 0, 0
    for piece in _PIECES.finditer(values):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if piece[1]:
            names.append(piece[1])
        if not depth:
            end = piece.end()
            break
    tail = values[end:]
    if len(names) < 2 or any(piece[1] for piece in _PIECES.finditer(tail)):
        return None
    return Insert(found[2], found[1], values[1 : end - 1], tail, tuple(names))
