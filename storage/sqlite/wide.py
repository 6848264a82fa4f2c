"""An INSERT of several rows at once: half the work of as many INSERTs, in fewer steps.

Between steps the driver's thread waits for the interpreter; within one it does not need it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from storage.inserts import KEPT, parted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

# Statements of these sizes alone are prepared: five at most serve any number below sixty-four.
SIZES = (32, 16, 8, 4, 2)

_PIECES = re.compile(r"'(?:[^']|'')*'|:[A-Za-z_]\w*")


def run(connection: sqlite3.Connection, statement: str, given: Sequence[Mapping[str, Any]]) -> int:
    """Run a statement once for each set of values; return how many rows it changed."""
    if len(given) == 1 or parted(statement) is None:
        return connection.executemany(statement, given).rowcount
    changed = at = 0
    values = _values(statement)
    for size in SIZES:
        while len(given) - at >= size:
            several = [*chain.from_iterable(map(values, given[at : at + size]))]
            changed += connection.execute(_text(statement, size), several).rowcount
            at += size
    for one in given[at:]:
        changed += connection.execute(statement, one).rowcount
    return changed


@lru_cache(KEPT)
def _values(statement: str) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    insert = parted(statement)
    assert insert is not None  # noqa: S101  `run` has asked
    return itemgetter(*insert.names)


@lru_cache(KEPT)
def _text(statement: str, size: int) -> str:
    insert = parted(statement)
    assert insert is not None  # noqa: S101  as above
    row = _PIECES.sub(lambda piece: piece[0] if piece[0][0] == "'" else "?", insert.row)
    return f"{insert.head} VALUES {', '.join([f'({row})'] * size)}{insert.tail}"
