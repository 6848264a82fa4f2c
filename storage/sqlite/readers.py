"""The connections that only read, each on one snapshot at a time, beside the writer."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING, TypeVar

from storage.errors import Closed
from storage.sqlite.connecting import let_go, opened
from storage.sqlite.tx import SqliteTx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from storage.database import Tx
    from storage.sqlite import hop

T = TypeVar("T")

READERS = 3
READ_SECONDS = 5.0  # reads that take longer are broken off by close


class Readers:
    """A few connections to one file, opened as they are needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._all: list[hop.Connection] = []
        self._idle: list[hop.Connection] = []
        self._turns = asyncio.Semaphore(READERS)
        self._closing = False

    async def read(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """See Database.read."""
        async with self._turns:
            if self._closing:
                raise Closed("the database is closed")
            connection = self._idle.pop() if self._idle else await self._another()
            tx = SqliteTx(connection, [("BEGIN", {})])
            try:
                return await unit(tx)
            except ValueError as error:  # the driver's word for a connection closed meanwhile
                if self._closing:
                    raise Closed("the database is closed") from error
                raise
            finally:
                try:
                    if tx.begun:
                        await asyncio.shield(_end_reading(connection))
                finally:
                    self._idle.append(connection)

    async def _another(self) -> hop.Connection:
        connection = await opened(self._path, readonly=True)
        self._all.append(connection)
        return connection

    def stop(self) -> None:
        """Refuse whoever comes from now on, and whoever still waits for a turn."""
        self._closing = True

    async def close(self) -> None:
        """Wait for those who read, though not for ever, and let go."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                for _ in range(READERS):
                    await self._turns.acquire()
        except TimeoutError:
            for connection in self._all:
                await connection.interrupt()
        for _ in range(READERS):  # whoever still waits for a turn is told
            self._turns.release()
        for connection in self._all:
            await let_go(connection)


async def _end_reading(connection: hop.Connection) -> None:
    """End a reader's transaction, which an error may have ended before."""
    with contextlib.suppress(sqlite3.Error, ValueError):
        await connection.execute("ROLLBACK")
