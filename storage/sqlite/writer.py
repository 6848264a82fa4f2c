"""The one writer: waiting units share a transaction, and one commit.

Its own task runs the units, so cancelling a caller never cuts one in half. It outlives
every error: each unit ends with its result or an error, and nobody waits for ever.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from typing import TYPE_CHECKING, TypeVar

import structlog

from storage import abreast
from storage.errors import Closed, StorageError, SwitchboardError
from storage.gathering import together
from storage.job import Job
from storage.sqlite import hop
from storage.sqlite.calm import Calm
from storage.sqlite.checkpoints import Checkpoints
from storage.sqlite.connecting import let_go, opened
from storage.sqlite.errors import ours
from storage.sqlite.scrubbing import Scrubbing
from storage.sqlite.tx import SCRUB, AbreastTx, SqliteTx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from storage.database import Tx
    from storage.gathering import Found, Statement

log = structlog.get_logger()

T = TypeVar("T")

BEGIN = "BEGIN IMMEDIATE"
UNIT = "unit"
SAVEPOINT = f"SAVEPOINT {UNIT}"
GROUP_UNITS = 64
GROUP_SECONDS = 0.020
CLOSE_SECONDS = 30.0  # by then a unit waits for what never comes: locks are waited for 10 s


class _NotBegun(Exception):
    """A transaction could not be begun; `error` says why."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Writer:
    """The connection that writes, and the task that has it to itself.

    `tell` is called with each topic of a commit.
    """

    def __init__(self, path: Path, connection: hop.Connection, tell: Callable[[str], None]) -> None:
        self.connection = connection
        self._path = path
        self._tell = tell
        self._jobs: deque[Job] = deque()
        self._group: list[Job] = []
        self._broken = False
        self._begins = False  # the next trip of units in step begins their transaction
        self._closing = False
        self._work = asyncio.Event()
        self._calm = Calm(asyncio.get_running_loop().time)
        self._scrubbing = Scrubbing(path, self._work.set, self._calm.seconds)
        self._checkpoints = Checkpoints(path)
        self._task = asyncio.create_task(self._write_forever(), name="sqlite-writer")

    async def write(self, unit: Callable[[Tx], Awaitable[T]], *, abreast: bool = False) -> T:
        """See Database.write."""
        if self._closing or self._task.done():
            raise Closed("the database is closed")
        job = Job(unit, asyncio.get_running_loop().create_future(), abreast=abreast)
        self._jobs.append(job)
        self._work.set()
        result: T = await job.future
        return result

    async def version(self) -> int:
        """Return a number that changes as another connection commits."""
        rows, _ = await self.connection.batch([("PRAGMA data_version", {})])
        return int(rows[0][0])

    def stop(self) -> None:
        """Refuse whoever comes from now on."""
        self._closing = True
        self._work.set()

    async def close(self) -> None:
        """Wait for the units that came before `stop`; one that never ends is cut off."""
        await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        self._task.cancel()
        await asyncio.wait({self._task})
        await self._checkpoints.close()

    async def _write_forever(self) -> None:
        try:
            while self._jobs or not self._closing:
                await self._work.wait()
                self._work.clear()
                while self._jobs:
                    await self._next_group()
                await self._scrubbing.pursue()
            await self._scrubbing.at_last()
        finally:
            self._scrubbing.stop()
            # Cut off by close, or by the end of the program: nobody may go on waiting.
            for job in (*self._group, *self._jobs):
                job.refuse(Closed("the database is closed"))
                job.resume()
            self._jobs.clear()

    async def _next_group(self) -> None:
        """Run waiting units, and resume those who wait for them, whatever happens."""
        began = asyncio.get_running_loop().time()
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
        self._checkpoints.wrote()
        await self._checkpoints.rest(self.connection)
        self._calm.worked(asyncio.get_running_loop().time() - began)
        topics = {topic for job in group for topic in job.topics}
        for topic in topics - {SCRUB}:
            self._tell(topic)
        if SCRUB in topics:
            self._scrubbing.ask()
            await self._scrubbing.pursue()

    def _refuse_waiting(self, error: Exception) -> None:
        """Refuse the group, and those behind it too, so that they do not wait as long in turn."""
        self._group += self._jobs
        self._jobs.clear()
        for job in self._group:
            job.refuse(error)

    async def _together(self, group: list[Job]) -> None:
        """Run waiting units in one transaction; where it fails, each once more, alone.

        What a unit leaves to be run goes along with the next one's first statement, the last
        one's with the COMMIT; the BEGIN goes along with the first trip of units in step.
        """
        if self._jobs[0].abreast and not self._broken:
            self._begins = True
        else:
            await self._begin()
        left: list[Statement] = []
        loop = asyncio.get_running_loop()
        until = loop.time() + GROUP_SECONDS
        try:
            while self._jobs and len(group) < GROUP_UNITS and (not group or loop.time() < until):
                if self._jobs[0].abreast:
                    left = await self._abreast(group, left)
                    continue
                group.append(self._jobs.popleft())
                before = [*left, (SAVEPOINT, {})] if len(group) > 1 else []
                found = await self._inside(group[-1], before)
                if found is None:
                    return
                left = found
            await self._commit(left)
        except _NotBegun as found:
            raise found.error from found
        except (SwitchboardError, sqlite3.Error, abreast.Undone):
            await self._one_by_one(group)
        for job in group:
            job.settled = True

    async def _abreast(self, group: list[Job], left: list[Statement]) -> list[Statement]:
        """Run the units that wait and may run in step; return what they leave to be run."""
        jobs: list[Job] = []
        room = min(GROUP_UNITS - len(group), abreast.MOST)
        while self._jobs and self._jobs[0].abreast and len(jobs) < room:
            jobs.append(self._jobs.popleft())
        group += jobs
        lefts, later = await abreast.run(
            jobs, lambda taken: AbreastTx(self.connection, taken), self._run_all, left
        )
        for job in later:
            group.remove(job)
        if self._begins:  # none of them asked for anything
            await self._begin()
        self._jobs.extendleft(reversed(later))
        return together(lefts)

    async def _run_all(
        self, lefts: Sequence[list[Statement]], asked: Sequence[list[Statement]]
    ) -> list[Found]:
        begins, self._begins = self._begins, False
        first: list[Statement] = [(BEGIN, {})] if begins else []
        try:
            return (await self.connection.batches([first + together(lefts), *asked]))[1:]
        except hop.Failed as failed:
            if begins and not self.connection.in_transaction:
                raise _NotBegun(ours(failed.error)) from failed
            raise abreast.Undone from failed

    async def _inside(self, job: Job, before: list[Statement]) -> list[Statement] | None:
        """Run one unit within the group; return what it leaves to be run.

        None where undoing it has ended the transaction. Raises StorageError where the whole
        group is lost.
        """
        tx = SqliteTx(self.connection, before)
        await self._run(job, tx)
        if tx.earlier_failed or not self.connection.in_transaction:
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

    async def _one_by_one(self, group: list[Job]) -> None:
        """Run each unit in a transaction of its own: only its own error reaches its caller."""
        await self._abandon()
        for job in group:
            job.forget()
        for job in group:
            await self._begin()
            tx = SqliteTx(self.connection)
            await self._run(job, tx)
            if job.error is None:
                try:
                    await self._commit(tx.left())
                except SwitchboardError as error:
                    job.refuse(error)
            job.settled = True
            await self._abandon()

    async def _run(self, job: Job, tx: SqliteTx) -> None:
        try:
            job.result = await job.unit(tx)
            job.topics = tx.topics
        except (Exception, asyncio.CancelledError) as error:  # a unit's error is its caller's
            if self._task.cancelling():
                raise
            job.error = error
        if tx.gone is not None and job.error is None:  # the unit went on in spite of the error
            job.forget()
            job.error = tx.gone

    async def _begin(self) -> None:
        """Begin a transaction, on a new connection if the old one failed. Raises StorageError."""
        self._begins = False
        try:
            if self._broken:
                await let_go(self.connection)
                self.connection = await opened(self._path)
                self._broken = False
            await self._execute(BEGIN)
        except sqlite3.Error as error:
            raise ours(error) from error

    async def _commit(self, left: list[Statement]) -> None:
        """Run what is left to be run, and commit. Raises StorageError, Conflict."""
        await SqliteTx(self.connection, [*left, ("COMMIT", {})]).finish()

    async def _abandon(self) -> None:
        """Leave no transaction open."""
        try:
            if self.connection.in_transaction:
                await self._execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("rollback_failed")
            self._broken = True

    async def _execute(self, statement: str) -> None:
        await self.connection.execute(statement)
