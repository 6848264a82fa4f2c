"""A SQLite file, open: the writer, the readers and those who listen, behind one door."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from typing import TYPE_CHECKING, TypeVar

from storage.errors import Closed
from storage.sqlite import copying, legible
from storage.sqlite.connecting import let_go, make, opened
from storage.sqlite.errors import ours
from storage.sqlite.leading import leading
from storage.sqlite.listeners import Listeners
from storage.sqlite.readers import Readers
from storage.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from storage.database import Tx
    from storage.sqlite import hop

T = TypeVar("T")

# A page that has to reach the disk, and says nothing: no channel has this name.
_TOUCH = (
    "INSERT INTO pace (channel, next_us) VALUES ('', 0)"
    " ON CONFLICT (channel) DO UPDATE SET next_us = 1 - pace.next_us"
)


class SqliteDatabase:
    """One SQLite file, open. Made by `connect`."""

    def __init__(self, path: Path, connection: hop.Connection) -> None:
        self.path = path
        self._listeners = Listeners()
        self._writer = Writer(path, connection, self._listeners.tell)
        self._readers = Readers(path)
        self._closed: asyncio.Task[None] | None = None

    async def write(
        self,
        unit: Callable[[Tx], Awaitable[T]],
        *,
        abreast: bool = False,
        repeatable: bool = False,
    ) -> T:
        """See Database.write."""
        return await self._writer.write(unit, abreast=abreast)

    async def read(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """See Database.read."""
        return await self._readers.read(unit)

    def listen(self, heard: Callable[[str], None]) -> None:
        """See Database.listen."""
        self._listeners.add(heard)
        self._listeners.watch(self._writer.version)

    def leading(
        self, name: str, *, shared: bool = False, wait: bool = True
    ) -> AbstractAsyncContextManager[asyncio.Event]:
        """See Database.leading."""
        return leading(self.path, name, shared=shared, wait=wait)

    async def free_bytes(self) -> int | None:
        """See Database.free_bytes."""
        return shutil.disk_usage(self.path.parent).free

    async def sound(self, *, whole: bool = False) -> None:
        """See Database.sound: the whole is every page and value, and tables against indexes."""

        async def touch(tx: Tx) -> None:
            await tx.run(_TOUCH)

        if whole:
            await _apart(lambda stop: legible.check(self.path, stop.is_set))
        await self.write(touch)

    async def backup(self, target: Path, progress: Callable[[int, int], None]) -> None:
        """Write a consistent copy that only its owner can read; `progress(done, total)` in pages.

        Raises: Conflict where the target is there already; Corrupt, StorageError.
        """

        def copy(stop: threading.Event) -> None:
            def told(done: int, total: int) -> None:
                if stop.is_set():
                    raise Closed("the backup was broken off")
                progress(done, total)

            copying.copy(self.path, target, told)

        await _apart(copy)

    async def close(self) -> None:
        """See Database.close: what waits is done; a unit that never ends is cut off."""
        self._writer.stop()
        self._readers.stop()
        if self._closed is None:
            self._closed = asyncio.create_task(self._close())
        await asyncio.shield(self._closed)

    async def _close(self) -> None:
        await self._listeners.close()
        await self._writer.close()
        await self._readers.close()
        await let_go(self._writer.connection)


async def _apart(work: Callable[[threading.Event], None]) -> None:
    """Do what blocks in a thread, which is told when nobody waits for it any more."""
    stop = threading.Event()
    try:
        await asyncio.to_thread(work, stop)
    except sqlite3.Error as error:
        raise ours(error) from error
    finally:
        stop.set()


async def connect(path: Path) -> SqliteDatabase:
    """Open a database file, made if it is not there. Raises StorageError, Corrupt, Busy."""
    make(path)
    return SqliteDatabase(path, await opened(path))
