"""Several statements in one hop to aiosqlite's thread: a hop costs more than most statements."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import aiosqlite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Statement = "tuple[str, Mapping[str, Any] | list[Mapping[str, Any]]]"


class Connection(aiosqlite.Connection):
    """A connection that runs a list of statements at once."""

    async def batch(
        self, statements: Sequence[tuple[str, Mapping[str, Any] | list[Mapping[str, Any]]]]
    ) -> tuple[list[sqlite3.Row], int]:
        """Run statements in order; return the last one's rows, and how many it changed.

        A list of values runs a statement once for each. Raises sqlite3.Error from the first
        that fails: those before it are done, those behind it are not.
        """
        found: tuple[list[sqlite3.Row], int]
        found = await self._execute(_run, self._conn, statements)  # type: ignore[no-untyped-call]
        return found


def _run(
    connection: sqlite3.Connection,
    statements: Sequence[tuple[str, Mapping[str, Any] | list[Mapping[str, Any]]]],
) -> tuple[list[sqlite3.Row], int]:
    rows: list[sqlite3.Row] = []
    changed = 0
    for statement, values in statements:
        if isinstance(values, list):
            changed = connection.executemany(statement, values).rowcount
            rows = []
        else:
            cursor = connection.execute(statement, values)
            rows = cursor.fetchall() if cursor.description else []
            changed = cursor.rowcount
    return rows, changed


def connect(path: Path, timeout: float) -> Connection:
    """Return a connection to await: no transactions of its own, rows by name."""

    def connector() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=timeout, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        return connection

    return Connection(connector, iter_chunk_size=64)
