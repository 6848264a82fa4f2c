"""The embedded engine: one writer with group commit, several readers, all aiosqlite.

The writer's own task runs the units, so cancelling a caller never cuts one in half.
Source: sqlite.org/lang_transaction.html, sqlite.org/wal.html (2026-11).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

import aiosqlite

from storage.errors import Busy, Closed, Conflict, Corrupt, DiskFull, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from pathlib import Path

    from storage.database import Engine, Row, Tx, Value

T = TypeVar("T")

GROUP_UNITS = 64
GROUP_SECONDS = 0.020
READERS = 3
BUSY_SECONDS = 10.0
WATCH_SECONDS = 0.25

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
    "PRAGMA wal_autocheckpoint = 2000",
)


def ours(error: sqlite3.Error) -> Exception:
    """Return the StorageError that a driver's error means."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return DiskFull("the disk is full")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Busy("the database is locked by another program")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Corrupt("the database file is damaged: restore a backup")
        case sqlite3.SQLITE_CONSTRAINT:
            return Conflict(f"refused by the schema: {error}")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StorageError("the database can't be written: check its folder's permissions")
        case sqlite3.SQLITE_IOERR:
            return StorageError("the disk gave an error")
        case _:
            return StorageError(f"{type(error).__name__}: {error}")


class SqliteTx:
    """The inside of a unit of work on one connection."""

    engine: Engine = "sqlite"

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self.topics: set[str] = set()

    async def rows(self, statement: str, **values: Value) -> list[Row]:
        """See Tx.rows."""
        try:
            return await self._connection.execute_fetchall(statement, values)  # type: ignore[return-value]
        except sqlite3.Error as error:
            raise ours(error) from error

    async def row(self, statement: str, **values: Value) -> Row | None:
        """See Tx.row."""
        found = await self.rows(statement, **values)
        return found[0] if found else None

    async def run(self, statement: str, **values: Value) -> int:
        """See Tx.run."""
        try:
            return (await self._connection.execute(statement, values)).rowcount
        except sqlite3.Error as error:
            raise ours(error) from error

    async def many(self, statement: str, values: Iterable[Mapping[str, Value]]) -> None:
        """See Tx.many."""
        try:
            await self._connection.executemany(statement, values)  # type: ignore[arg-type]
        except sqlite3.Error as error:
            raise ours(error) from error

    async def lock(self, kind: str, key: int, *, shared: bool = False) -> None:
        """Do nothing: there is one writer, so every unit has the whole database."""

    async def notify(self, topic: str) -> None:
        """See Tx.notify."""
        self.topics.add(topic)


class _Job:
    """A unit waiting for the writer, and the caller's future."""

    __slots__ = ("error", "future", "result", "topics", "unit")

    def __init__(self, unit: Callable[[Tx], Awaitable[Any]], future: asyncio.Future[Any]) -> None:
        self.unit = unit
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.topics: set[str] = set()

    def resume(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class SqliteDatabase:
    """One SQLite file, open. Made by `connect`."""

    def __init__(self, path: Path, writer: aiosqlite.Connection) -> None:
        self.path = path
        self._writer = writer
        self._jobs: deque[_Job] = deque()
        self._work = asyncio.Event()
        self._heard: list[Callable[[str], None]] = []
        self._readers: list[aiosqlite.Connection] = []
        self._free: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._opened = 0
        self._version = 0
        self._closing = False
        self._writing = asyncio.create_task(self._write_forever(), name="sqlite-writer")
        self._watching: asyncio.Task[None] | None = None

    # --- units ---

    async def write(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """See Database.write."""
        if self._closing:
            raise Closed("the database is closed")
        job = _Job(unit, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._work.set()
        result: T = await job.future
        return result

    async def read(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """See Database.read."""
        if self._closing:
            raise Closed("the database is closed")
        connection = await self._reader()
        try:
            tx = SqliteTx(connection)
            await tx.run("BEGIN")
            try:
                return await unit(tx)
            finally:
                await asyncio.shield(tx.run("COMMIT"))
        finally:
            self._free.put_nowait(connection)

    async def _reader(self) -> aiosqlite.Connection:
        if self._free.empty() and self._opened < READERS:
            self._opened += 1
            connection = await _open(self.path, readonly=True)
            self._readers.append(connection)
            return connection
        return await self._free.get()

    async def _write_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._jobs:
                group = await self._group()
                for job in group:
                    job.resume()
                for topic in {topic for job in group for topic in job.topics}:
                    self._tell(topic)
            if self._closing:
                return

    async def _group(self) -> list[_Job]:
        """Run the waiting units in one transaction; each ends with a result or an error."""
        loop = asyncio.get_running_loop()
        until = loop.time() + GROUP_SECONDS
        group: list[_Job] = []
        try:
            await self._execute("BEGIN IMMEDIATE")
            while self._jobs and len(group) < GROUP_UNITS and loop.time() < until:
                job = self._jobs.popleft()
                group.append(job)
                if not await self._inside(job, first=len(group) == 1):
                    break
            await self._execute("COMMIT")
        except sqlite3.Error as error:
            await self._abandon()
            if not group:
                return self._refuse_waiting(ours(error))
            for job in group:
                await self._alone(job)
        return group

    async def _inside(self, job: _Job, *, first: bool) -> bool:
        """Run one unit within the group; False once the group's transaction ends with it."""
        if not first:
            await self._execute("SAVEPOINT unit")
        tx = SqliteTx(self._writer)
        try:
            job.result = await job.unit(tx)
            job.topics = tx.topics
        except Exception as error:
            if not self._writer.in_transaction:
                raise sqlite3.OperationalError("the transaction is gone") from error
            job.error = error
            await self._execute("ROLLBACK" if first else "ROLLBACK TO unit")
            if first:
                await self._execute("BEGIN IMMEDIATE")
        return True

    async def _alone(self, job: _Job) -> None:
        """Run a unit in a transaction of its own: only its own error reaches its caller."""
        job.error, job.result, job.topics = None, None, set()
        tx = SqliteTx(self._writer)
        try:
            await self._execute("BEGIN IMMEDIATE")
            job.result = await job.unit(tx)
            await self._execute("COMMIT")
            job.topics = tx.topics
        except sqlite3.Error as error:
            job.error = ours(error)
        except Exception as error:  # noqa: BLE001  a unit's error is its caller's
            job.error = error
        finally:
            await self._abandon()

    def _refuse_waiting(self, error: Exception) -> list[_Job]:
        refused = list(self._jobs)
        self._jobs.clear()
        for job in refused:
            job.error = error
        return refused

    async def _abandon(self) -> None:
        if self._writer.in_transaction:
            await self._execute("ROLLBACK")

    async def _execute(self, statement: str) -> None:
        await self._writer.execute(statement)

    # --- listeners ---

    def listen(self, heard: Callable[[str], None]) -> None:
        """See Database.listen."""
        self._heard.append(heard)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch_forever(), name="sqlite-watch")

    def _tell(self, topic: str) -> None:
        for heard in self._heard:
            heard(topic)

    async def _watch_forever(self) -> None:
        """Notice other processes' commits, and tell every topic."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            found = await self._writer.execute_fetchall("PRAGMA data_version")
            version = int(next(iter(found))[0])
            if version != self._version and self._version:
                for topic in ("outbox", "gate"):
                    self._tell(topic)
            self._version = version

    # --- care ---

    async def free_bytes(self) -> int | None:
        """See Database.free_bytes."""
        return shutil.disk_usage(self.path.parent).free

    async def sound(self) -> None:
        """See Database.sound: every page is read and each table checked against its indexes."""

        async def check(tx: Tx) -> None:
            found = [str(row[0]) for row in await tx.rows("PRAGMA quick_check(5)")]
            if found != ["ok"]:
                raise Corrupt("the database file is damaged: restore a backup")

        async def touch(tx: Tx) -> None:
            await tx.run("UPDATE pace SET next_us = next_us WHERE channel = ''")

        await self.read(check)
        await self.write(touch)

    async def backup(self, target: Path, progress: Callable[[int, int], None]) -> None:
        """See Database.backup: SQLite's online backup, readable by its owner alone."""
        if target.exists():
            raise Conflict(f"{target} is there already")
        partial = target.with_name(target.name + ".part")
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        source = await _open(self.path, readonly=True)
        try:
            async with aiosqlite.connect(partial) as copy:
                await source.backup(
                    copy, pages=512, progress=lambda _s, left, total: progress(total - left, total)
                )
                await copy.execute("PRAGMA journal_mode = DELETE")
            partial.replace(target)
        except sqlite3.Error as error:
            raise ours(error) from error
        finally:
            await source.close()
            partial.unlink(missing_ok=True)

    async def close(self) -> None:
        """See Database.close."""
        if self._closing:
            return
        self._closing = True
        self._work.set()
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        await self._writing
        for connection in (*self._readers, self._writer):
            await connection.close()


async def _open(path: Path, *, readonly: bool) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(
        path, isolation_level=None, timeout=BUSY_SECONDS, cached_statements=256
    )
    connection.row_factory = sqlite3.Row
    try:
        for pragma in PRAGMAS:
            await connection.execute(pragma)
        if readonly:
            await connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        await connection.close()
        raise ours(error) from error
    return connection


def make(path: Path) -> None:
    """Make a file that only its owner can read, if it is not there. Raises StorageError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageError(f"can't open {path}: {error.strerror}") from error


async def connect(path: Path) -> SqliteDatabase:
    """Open a database file, made if it is not there. Raises StorageError, Corrupt, Busy."""
    make(path)
    return SqliteDatabase(path, await _open(path, readonly=False))
