"""Several statements in one hop to aiosqlite's thread: a hop costs more than most statements."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import aiosqlite

from storage.sqlite import wide

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from storage.gathering import Found, Statement


class Failed(Exception):
    """The statement at a position failed: those before it are done, those behind are not."""

    def __init__(self, position: int, error: sqlite3.Error) -> None:
        super().__init__(position)
        self.position = position
        self.error = error


class Connection(aiosqlite.Connection):
    """A connection that runs a list of statements at once."""

    def __await__(self) -> Generator[Any, None, Connection]:
        """Open the connection."""
        return super().__await__()  # type: ignore[return-value]

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; a closed connection has none."""
        try:
            return super().in_transaction
        except (sqlite3.ProgrammingError, ValueError):
            return False

    async def batch(self, statements: Sequence[Statement]) -> Found:
        """Run statements in order; return the last one's rows, and how many it changed.

        A list of values runs a statement once for each. Raises Failed.
        """
        found: Found
        found = await self._execute(_run, self._conn, statements)  # type: ignore[no-untyped-call]
        return found

    async def batches(self, requests: Sequence[Sequence[Statement]]) -> list[Found]:
        """Run several lists of statements in order; return what `batch` would, for each.

        Raises Failed, whose position is within its list.
        """
        found: list[Found]
        found = await self._execute(_run_each, self._conn, requests)  # type: ignore[no-untyped-call]
        return found


def _run_each(
    connection: sqlite3.Connection, requests: Sequence[Sequence[Statement]]
) -> list[Found]:
    return [_run(connection, statements) for statements in requests]


def _run(
    connection: sqlite3.Connection,
    statements: Sequence[Statement],
) -> Found:
    rows: list[sqlite3.Row] = []
    changed = position = 0
    try:
        for position, (statement, values) in enumerate(statements):  # noqa: B007
            if isinstance(values, list):
                changed = wide.run(connection, statement, values)
                rows = []
            else:
                cursor = connection.execute(statement, values)
                rows = cursor.fetchall() if cursor.description else []
                changed = cursor.rowcount
    except sqlite3.Error as error:
        raise Failed(position, error) from error
    return rows, changed


async def connect(path: Path, timeout: float) -> Connection:  # noqa: ASYNC109  SQLite's own
    """Open a connection that begins no transactions by itself, with rows by name."""

    def connector() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=timeout, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        return connection

    connection = Connection(connector, iter_chunk_size=64)
    await connection
    return connection
