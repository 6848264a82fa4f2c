"""The embedded engine: one writer with group commit, several readers, all aiosqlite.

The writer's own task runs the units, so cancelling a caller never cuts one in half. It
outlives every error: each unit ends with its result or an error, and nobody waits for ever.
Source: sqlite.org/lang_transaction.html, sqlite.org/wal.html (2026-11).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import stat
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from storage import copying, hop
from storage.errors import (
    Busy,
    Closed,
    Conflict,
    Corrupt,
    DiskFull,
    StorageError,
    SwitchboardError,
)
from storage.scrub import MARK, scrub

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from storage.database import Engine, Row, Tx, Value
    from storage.hop import Statement

log = structlog.get_logger()

T = TypeVar("T")

UNIT = "unit"
SAVEPOINT = f"SAVEPOINT {UNIT}"
GROUP_UNITS = 64
GROUP_SECONDS = 0.020
READERS = 3
BUSY_SECONDS = 10.0
WATCH_SECONDS = 0.25
WATCH_AGAIN_SECONDS = 5.0  # after an error
CLOSE_SECONDS = 30.0  # by then a unit waits for what never comes: locks are waited for 10 s
READ_SECONDS = 5.0  # reads that take longer are broken off by close
SCRUB_AGAIN_SECONDS = 0.25
SCRUB_LAST_TRIES = 20  # before the file is closed, while another process reads it
_SCRUB = "scrub"

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
# A page that has to reach the disk, and says nothing: no channel has this name.
_TOUCH = (
    "INSERT INTO pace (channel, next_us) VALUES ('', 0)"
    " ON CONFLICT (channel) DO UPDATE SET next_us = 1 - pace.next_us"
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
    """The inside of a unit of work on one connection.

    Some errors, a full disk's among them, roll back the whole transaction: then every later
    statement of the unit is refused, since each would be committed on its own.
    """

    engine: Engine = "sqlite"

    def __init__(self, connection: hop.Connection, before: Sequence[Statement] = ()) -> None:
        self._connection = connection
        # What goes along with the first statement: an earlier unit's rest, and a savepoint.
        self._before = before
        self._waiting: list[Statement] = list(before)
        self._begun_at = len(before)
        self.topics: set[str] = set()
        self.gone: Exception | None = None
        self.begun = not before
        self.earlier_failed = False

    async def _hop(self) -> tuple[list[Row], int]:
        if self.gone is not None:
            raise self.gone
        statements, self._waiting = self._waiting, []
        own, self._begun_at = self._begun_at, 0
        self.begun = True
        try:
            return await self._connection.batch(statements)
        except hop.Failed as failed:
            self.earlier_failed |= failed.position < own
            found = ours(failed.error)
            if self.earlier_failed or not _in_transaction(self._connection):
                self.gone = found
            raise found from failed.error

    def left(self) -> list[Statement]:
        """Return what was posted and not run yet, what is carried along included."""
        if self.begun or len(self._waiting) > len(self._before):
            return self._waiting
        return list(self._before[:-1])  # nothing was asked: no need for a savepoint

    async def rows(self, statement: str, **values: Value) -> list[Row]:
        """See Tx.rows."""
        self._waiting.append((statement, values))
        return (await self._hop())[0]

    async def row(self, statement: str, **values: Value) -> Row | None:
        """See Tx.row."""
        found = await self.rows(statement, **values)
        return found[0] if found else None

    async def run(self, statement: str, **values: Value) -> int:
        """See Tx.run."""
        self._waiting.append((statement, values))
        return (await self._hop())[1]

    async def post(self, statement: str, **values: Value) -> None:
        """See Tx.post."""
        self._waiting.append((statement, values))

    async def many(self, statement: str, values: Iterable[Mapping[str, Value]]) -> None:
        """See Tx.many."""
        self._waiting.append((statement, list(values)))

    async def finish(self) -> None:
        """Run what was posted and not run yet."""
        if self._waiting:
            await self._hop()

    async def lock(self, kind: str, key: int, *, shared: bool = False) -> None:
        """Do nothing: there is one writer, so every unit has the whole database."""

    async def notify(self, topic: str) -> None:
        """See Tx.notify."""
        self.topics.add(topic)

    async def scrub(self) -> None:
        """See Tx.scrub: the mark is kept in the file, so that a crash does not lose it."""
        await self.run(MARK)
        self.topics.add(_SCRUB)


def _in_transaction(connection: hop.Connection) -> bool:
    try:
        return connection.in_transaction
    except (sqlite3.Error, ValueError):  # it was closed meanwhile
        return False


class _Job:
    """A unit waiting for the writer, and the caller's future. `settled`: nothing changes it."""

    __slots__ = ("error", "future", "result", "settled", "topics", "unit")

    def __init__(self, unit: Callable[[Tx], Awaitable[Any]], future: asyncio.Future[Any]) -> None:
        self.unit = unit
        self.future = future
        self.settled = False
        self.forget()

    def forget(self) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self.topics: set[str] = set()

    def refuse(self, error: BaseException) -> None:
        if not self.settled:
            self.forget()
            self.error, self.settled = error, True

    def resume(self) -> None:
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class SqliteDatabase:
    """One SQLite file, open. Made by `connect`."""

    def __init__(self, path: Path, writer: hop.Connection) -> None:
        self.path = path
        self._writer = writer
        self._jobs: deque[_Job] = deque()
        self._group: list[_Job] = []
        self._broken = False
        self._work = asyncio.Event()
        self._heard: list[Callable[[str], None]] = []
        self._readers: list[hop.Connection] = []
        self._idle: list[hop.Connection] = []
        self._turns = asyncio.Semaphore(READERS)
        self._version = 0
        self._closing = False
        self._closed: asyncio.Task[None] | None = None
        self._unclean = True  # looked up at the first occasion
        self._writing = asyncio.create_task(self._write_forever(), name="sqlite-writer")
        self._watching: asyncio.Task[None] | None = None

    # --- units ---

    async def write(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """See Database.write."""
        if self._closing or self._writing.done():
            raise Closed("the database is closed")
        job = _Job(unit, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._work.set()
        result: T = await job.future
        return result

    async def read(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """See Database.read."""
        async with self._turns:
            if self._closing:
                raise Closed("the database is closed")
            connection = self._idle.pop() if self._idle else await self._reader()
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

    async def _reader(self) -> hop.Connection:
        connection = await _open(self.path, readonly=True)
        self._readers.append(connection)
        return connection

    async def _write_forever(self) -> None:
        try:
            while self._jobs or not self._closing:
                await self._work.wait()
                self._work.clear()
                while self._jobs:
                    await self._next_group()
                await self._scrub()
            await self._scrub_at_last()
        finally:
            # Cut off by close, or by the end of the program: nobody may go on waiting.
            for job in (*self._group, *self._jobs):
                job.refuse(Closed("the database is closed"))
                job.resume()
            self._jobs.clear()

    async def _next_group(self) -> None:
        """Run waiting units, and resume those who wait for them, whatever happens."""
        self._group = []
        try:
            await self._together(self._group)
        except SwitchboardError as error:  # no transaction could be begun
            self._refuse_waiting(error)
        except Exception:
            log.exception("writing_failed")
            self._broken = True
            self._refuse_waiting(StorageError("it could not be written: see the log"))
        group, self._group = self._group, []
        for job in group:
            job.resume()
        topics = {topic for job in group for topic in job.topics}
        for topic in topics - {_SCRUB}:
            self._tell(topic)
        if _SCRUB in topics:
            self._unclean = True
            await self._scrub()

    def _refuse_waiting(self, error: Exception) -> None:
        """Refuse the group, and those behind it too, so that they do not wait as long in turn."""
        self._group += self._jobs
        self._jobs.clear()
        for job in self._group:
            job.refuse(error)

    async def _together(self, group: list[_Job]) -> None:
        """Run waiting units in one transaction; where it fails, each once more, alone.

        What a unit leaves to be run goes along with the next one's first statement, the last
        one's with the COMMIT.
        """
        await self._begin()
        loop = asyncio.get_running_loop()
        until = loop.time() + GROUP_SECONDS
        left: list[Statement] = []
        try:
            while self._jobs and len(group) < GROUP_UNITS and (not group or loop.time() < until):
                group.append(self._jobs.popleft())
                before = [*left, (SAVEPOINT, {})] if len(group) > 1 else []
                found = await self._inside(group[-1], before)
                if found is None:
                    return
                left = found
            await self._commit(left)
        except (SwitchboardError, sqlite3.Error):
            await self._one_by_one(group)
        for job in group:
            job.settled = True

    async def _inside(self, job: _Job, before: list[Statement]) -> list[Statement] | None:
        """Run one unit within the group; return what it leaves to be run.

        None where undoing it has ended the transaction. Raises StorageError where the whole
        group is lost.
        """
        tx = SqliteTx(self._writer, before)
        await self._run(job, tx)
        if tx.earlier_failed or not self._writer.in_transaction:
            raise StorageError("the transaction is gone")
        if job.error is None:
            return tx.left()
        if not before:
            await self._execute("ROLLBACK")
            job.settled = True
            return None
        if not tx.begun:
            return list(before[:-1])
        await self._execute(f"ROLLBACK TO {UNIT}")
        return []

    async def _one_by_one(self, group: list[_Job]) -> None:
        """Run each unit in a transaction of its own: only its own error reaches its caller."""
        await self._abandon()
        for job in group:
            job.forget()
        for job in group:
            await self._begin()
            tx = SqliteTx(self._writer)
            await self._run(job, tx)
            if job.error is None:
                try:
                    await self._commit(tx.left())
                except SwitchboardError as error:
                    job.refuse(error)
            job.settled = True
            await self._abandon()

    async def _run(self, job: _Job, tx: SqliteTx) -> None:
        try:
            job.result = await job.unit(tx)
            job.topics = tx.topics
        except (Exception, asyncio.CancelledError) as error:  # a unit's error is its caller's
            if self._writing.cancelling():
                raise
            job.error = error
        if tx.gone is not None and job.error is None:  # the unit went on in spite of the error
            job.forget()
            job.error = tx.gone

    async def _begin(self) -> None:
        """Begin a transaction, on a new connection if the old one failed. Raises StorageError."""
        try:
            if self._broken:
                with contextlib.suppress(sqlite3.Error, ValueError):
                    await self._writer.close()
                self._writer = await _open(self.path, readonly=False)
                self._broken = False
            await self._execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise ours(error) from error

    async def _commit(self, left: list[Statement]) -> None:
        """Run what is left to be run, and commit. Raises StorageError, Conflict."""
        await SqliteTx(self._writer, [*left, ("COMMIT", {})]).finish()

    async def _abandon(self) -> None:
        """Leave no transaction open."""
        try:
            if self._writer.in_transaction:
                await self._execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("rollback_failed")
            self._broken = True

    async def _execute(self, statement: str) -> None:
        await self._writer.execute(statement)

    # --- forgetting ---

    async def _scrub(self) -> None:
        """Leave nothing of what was forgotten in the files, now or as soon as it can be done."""
        if not self._unclean:
            return
        self._unclean = False
        if not await self._scrubbed():
            asyncio.get_running_loop().call_later(SCRUB_AGAIN_SECONDS, self._remind)

    def _remind(self) -> None:
        self._unclean = True
        self._work.set()

    async def _scrub_at_last(self) -> None:
        for _ in range(SCRUB_LAST_TRIES):
            if await self._scrubbed():
                return
            await asyncio.sleep(SCRUB_AGAIN_SECONDS)

    async def _scrubbed(self) -> bool:
        try:
            return await asyncio.to_thread(scrub, self.path)
        except Exception:  # the writer goes on; the mark in the file stays
            log.exception("scrubbing_failed")
            return False

    # --- listeners ---

    def listen(self, heard: Callable[[str], None]) -> None:
        """See Database.listen."""
        self._heard.append(heard)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch_forever(), name="sqlite-watch")

    def _tell(self, topic: str) -> None:
        for heard in self._heard:
            try:
                heard(topic)
            except Exception:  # whoever hears must not stop what is told
                log.exception("listener_failed", topic=topic)

    async def _watch_forever(self) -> None:
        """Notice other processes' commits, and tell every topic."""
        while True:
            try:
                found = await self._data_version()
                if self._version and found != self._version:
                    for topic in ("outbox", "gate"):
                        self._tell(topic)
                self._version = found
            except Exception:  # the next look may go well
                log.exception("watching_failed")
                await asyncio.sleep(WATCH_AGAIN_SECONDS)
            await asyncio.sleep(WATCH_SECONDS)

    async def _data_version(self) -> int:
        """Return a number that changes as another connection commits."""
        found = await self._writer.execute_fetchall("PRAGMA data_version")
        return int(next(iter(found))[0])

    # --- care ---

    async def free_bytes(self) -> int | None:
        """See Database.free_bytes."""
        return shutil.disk_usage(self.path.parent).free

    async def sound(self, *, whole: bool = False) -> None:
        """See Database.sound: the whole is every page, and each table against its indexes."""

        async def check(tx: Tx) -> None:
            found = [str(row[0]) for row in await tx.rows("PRAGMA quick_check(5)")]
            if found != ["ok"]:
                raise Corrupt("the database file is damaged: restore a backup")

        async def touch(tx: Tx) -> None:
            await tx.run(_TOUCH)

        if whole:
            await self.read(check)
        await self.write(touch)

    async def backup(self, target: Path, progress: Callable[[int, int], None]) -> None:
        """See Database.backup: SQLite's online backup, readable by its owner alone."""
        stop = threading.Event()

        def told(done: int, total: int) -> None:
            if stop.is_set():
                raise Closed("the backup was broken off")
            progress(done, total)

        try:
            await asyncio.to_thread(copying.copy, self.path, target, told)
        except sqlite3.Error as error:
            raise ours(error) from error
        finally:
            stop.set()

    async def close(self) -> None:
        """See Database.close: what waits is done; a unit that never ends is cut off."""
        self._closing = True
        if self._closed is None:
            self._closed = asyncio.create_task(self._close())
        await asyncio.shield(self._closed)

    async def _close(self) -> None:
        self._work.set()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        await asyncio.wait({self._writing}, timeout=CLOSE_SECONDS)
        self._writing.cancel()
        await asyncio.wait({self._writing})
        await self._end_reads()
        for connection in (*self._readers, self._writer):
            with contextlib.suppress(sqlite3.Error, ValueError):
                await connection.close()

    async def _end_reads(self) -> None:
        """Wait for those who read, though not for ever."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                for _ in range(READERS):
                    await self._turns.acquire()
        except TimeoutError:
            for connection in self._readers:
                await connection.interrupt()
        for _ in range(READERS):  # whoever still waits for a turn is told
            self._turns.release()


async def _end_reading(connection: hop.Connection) -> None:
    """End a reader's transaction, which an error may have ended before."""
    with contextlib.suppress(sqlite3.Error, ValueError):
        await connection.execute("ROLLBACK")


async def _open(path: Path, *, readonly: bool) -> hop.Connection:
    connection = await hop.connect(path, BUSY_SECONDS)
    try:
        for pragma in PRAGMAS:
            await connection.execute(pragma)
        if readonly:
            await connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        await connection.close()
        raise ours(error) from error
    except BaseException:  # cancelled: its thread would keep the program from ending
        await connection.close()
        raise
    return connection


def make(path: Path) -> None:
    """Make a file, if it is not there; only its owner can read it. Raises StorageError."""
    try:
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            found = os.fstat(file)
            if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
                os.fchmod(file, 0o600)
        finally:
            os.close(file)
    except OSError as error:
        raise StorageError(f"can't open {path}: {error.strerror}") from error


async def connect(path: Path) -> SqliteDatabase:
    """Open a database file, made if it is not there. Raises StorageError, Corrupt, Busy."""
    make(path)
    return SqliteDatabase(path, await _open(path, readonly=False))
