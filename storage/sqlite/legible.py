"""Whether every value of a file can be read.

SQLite's own check looks at the pages, and not at what stands in a cell: a spoilt sector
within a long text is sound to it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from storage.errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS_AT_ONCE = 1_000
# How many of SQLite's own steps go by between two looks at whether to stop: some milliseconds.
STEPS = 1_000_000

_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
_NUMBERS = ("INTEGER", "BIGINT", "SMALLINT", "BOOLEAN")


def check(path: Path, stop: Callable[[], bool] = lambda: False) -> None:
    """Read all of a file; blocking, and broken off once `stop` says so.

    Raises: Corrupt where a page, an index, or what a row refers to is wrong, a text is not
    UTF-8, or a value not what its column holds; sqlite3.Error, also for what was broken off.
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.set_progress_handler(stop, STEPS)
        connection.execute("BEGIN")  # one state of it, whatever is written meanwhile
        if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
            raise Corrupt("the database file is damaged: restore a backup")
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise Corrupt("rows refer to others that are not there: restore a backup")
        for (table,) in connection.execute(_TABLES).fetchall():
            if _spoilt(connection, table):
                raise Corrupt(f"the database file is damaged in {table}: restore a backup")


def _spoilt(connection: sqlite3.Connection, table: str) -> bool:
    columns = connection.execute(
        'SELECT name, type, "notnull" FROM pragma_table_info(?)', [table]
    ).fetchall()
    wrong = " OR ".join(filter(None, (_wrong(*column) for column in columns)))
    if wrong and connection.execute(f"SELECT 1 FROM {table} WHERE {wrong} LIMIT 1").fetchone():
        return True
    rows = connection.execute(f"SELECT * FROM {table}")  # the driver decodes what it fetches
    try:
        while rows.fetchmany(ROWS_AT_ONCE):
            pass
    except sqlite3.OperationalError as error:
        if "decode" in str(error):
            return True
        raise
    return False


def _wrong(name: str, kind: str, full: int) -> str:
    """Return the condition that a column's value is none of its kind."""
    if kind == "TEXT":  # no text of ours has a zero in it: each is cleaned as it comes in
        wrong = f"typeof({name}) <> 'text' OR instr(CAST({name} AS BLOB), x'00')"
    elif kind in _NUMBERS:
        wrong = f"typeof({name}) <> 'integer'"
    else:
        return ""
    return f"({wrong})" if full else f"({name} IS NOT NULL AND ({wrong}))"
