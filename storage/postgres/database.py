"""A PostgreSQL database, open: units of work, whoever listens, and the parts one leads."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, TypeVar

import structlog

from storage.database import GATE, OUTBOX, sql
from storage.errors import Closed
from storage.listening import Listening
from storage.postgres.connections import Connections
from storage.postgres.scrubbing import Scrubbing
from storage.postgres.standing import Standing
from storage.postgres.telling import Telling
from storage.postgres.together import Together
from storage.postgres.tx import SCRUB
from storage.postgres.units import Units

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from storage.database import Tx

log = structlog.get_logger()

T = TypeVar("T")

CLOSE_SECONDS = 30.0

# A row that has to reach the disk, and says nothing: no channel has this name.
_TOUCH = sql(
    "INSERT INTO pace (channel, next_us) VALUES ('', 0)"
    " ON CONFLICT (channel) DO UPDATE SET next_us = 1 - pace.next_us",
    "postgresql",
)
_TABLES = sql(
    "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1", "postgresql"
)


class PostgresDatabase:
    """One database of a server, open. Made by `connect`."""

    def __init__(self, url: str) -> None:
        me = secrets.token_hex(8)
        self.url = url
        self._listeners = Listening()
        self._connections = Connections(url)
        self._standing = Standing(url, me, self._listeners.tell, self._connections.break_off)
        self._telling = Telling(self._connections, me)
        self._scrubbing = Scrubbing(self._connections)
        self._units = Units(self._connections, self._tell)
        self._together = Together(self._connections, self._units, self._tell)
        self._running: set[asyncio.Task[object]] = set()
        self._closing = False

    async def open(self) -> None:
        """Connect. Raises StorageError."""
        await self._connections.open()

    async def write(
        self,
        unit: Callable[[Tx], Awaitable[T]],
        *,
        abreast: bool = False,
        repeatable: bool = False,
    ) -> T:
        """See Database.write; a caller that is cancelled cuts no unit in half."""
        if self._closing:
            raise Closed("the database is closed")
        if abreast:
            return await self._together.write(unit)
        task = asyncio.ensure_future(self._units.write(unit, repeatable=repeatable))
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[T]) -> None:
        """Take a unit's end, whose caller may be gone."""
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    async def read(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """See Database.read."""
        if self._closing:
            raise Closed("the database is closed")
        return await self._units.read(unit)

    def listen(self, heard: Callable[[str], None]) -> None:
        """See Database.listen."""
        self._listeners.add(heard)
        self._standing.start()

    def leading(
        self, name: str, *, shared: bool = False, wait: bool = True
    ) -> AbstractAsyncContextManager[asyncio.Event]:
        """See Database.leading."""
        return self._standing.leading(name, shared=shared, wait=wait)

    async def free_bytes(self) -> int | None:
        """See Database.free_bytes: the server's disk can't be seen from here."""
        return None

    async def sound(self, *, whole: bool = False) -> None:
        """See Database.sound: the whole is every row of every table."""

        async def every(tx: Tx) -> None:
            for (table,) in await tx.rows(_TABLES):
                await tx.rows(f'SELECT COUNT(t.*) FROM "{table}" t')

        async def touch(tx: Tx) -> None:
            await tx.run(_TOUCH)

        if whole:
            await self.read(every)
        await self.write(touch)

    async def close(self) -> None:
        """See Database.close."""
        self._closing = True
        await self._together.close(CLOSE_SECONDS)
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_SECONDS)
        await self._telling.finish()
        await self._scrubbing.close()
        await self._standing.close()
        await self._connections.close()

    def _tell(self, topics: set[str]) -> None:
        """Tell this process at once, and the others soon."""
        if SCRUB in topics:
            self._scrubbing.ask()
        told = topics & {OUTBOX, GATE}
        for topic in told:
            self._listeners.tell(topic)
        self._telling.tell(told)


async def connect(url: str) -> PostgresDatabase:
    """Open a database. Raises StorageError."""
    found = PostgresDatabase(url)
    await found.open()
    return found
