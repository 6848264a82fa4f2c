"""Units of work that have a transaction each, run again where another process was in the way."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from storage.errors import StorageError
from storage.postgres.connections import PATIENCE
from storage.postgres.errors import DRIVER, Again, Lost, ours
from storage.postgres.tx import PostgresTx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from storage.database import Tx
    from storage.postgres.connections import Connection, Connections

T = TypeVar("T")

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0

# A server that crashed, or another that took its place, has another checkpoint: it may have
# given the number of a transaction that it lost to another.
_WHO_AM_I = (
    "SELECT CAST(pg_current_xact_id_if_assigned() AS TEXT), CAST(checkpoint_lsn AS TEXT)"
    " FROM pg_control_checkpoint()"
)
_WHAT_BECAME = (
    "SELECT pg_xact_status(CAST(CAST($1 AS TEXT) AS xid8)), CAST(checkpoint_lsn AS TEXT)"
    " FROM pg_control_checkpoint()"
)
# Whoever only reads may ask for whole audiences and rounds: those are best joined at once.
_READ = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL enable_seqscan = on;"
    " SET LOCAL enable_hashjoin = on"
)


class _Mark(NamedTuple):
    """A transaction's number, None for one that wrote nothing, and the server's checkpoint."""

    transaction: str | None
    checkpoint: str


class _InDoubt(Lost):
    """The connection was lost during COMMIT: its mark tells what became of a transaction."""

    def __init__(self, mark: _Mark) -> None:
        super().__init__("the connection was lost as it was being written")
        self.mark = mark


async def roll_back(connection: Connection) -> None:
    """Leave no transaction open; a connection that can't even do that is given up."""
    try:
        await asyncio.shield(connection.execute("ROLLBACK"))
    except BaseException:
        connection.terminate()
        raise


class Units:
    """Runs units; `tell` is called with the topics of each commit."""

    def __init__(self, connections: Connections, tell: Callable[[set[str]], None]) -> None:
        self._connections = connections
        self._tell = tell

    async def write(self, unit: Callable[[Tx], Awaitable[T]], *, repeatable: bool = False) -> T:
        """Run a unit until it is durable. Raises what it raises, and Busy after `PATIENCE`."""
        topics: set[str] = set()  # an attempt of which no answer came may have been committed
        result = await self.patiently(lambda: self._once(unit, topics, repeatable=repeatable))
        self._tell(topics)
        return result

    async def read(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        """Run a unit that only reads, on one snapshot."""
        return await self.patiently(lambda: self._look(unit))

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until it goes well or time is over. The pauses grow, and differ by chance.

        Raises what the attempt does; Again and Lost once time is over.
        """
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + PATIENCE, FIRST_PAUSE
        while True:
            try:
                return await attempt()
            except (Again, Lost):
                if loop.time() + pause > until:
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  no secret
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _once(
        self, unit: Callable[[Tx], Awaitable[T]], topics: set[str], *, repeatable: bool
    ) -> T:
        result: T
        mark: _Mark | None = None
        try:
            async with self._connections.taken() as connection:
                tx = PostgresTx(connection, "BEGIN")
                try:
                    result = await unit(tx)
                    topics |= tx.topics
                    await tx.finish(last=repeatable)
                    if tx.begun and not repeatable:
                        mark = _Mark(*await connection.fetchrow(_WHO_AM_I) or ())
                except BaseException:
                    await _undone(connection)
                    raise
                if tx.begun:
                    await self._commit(connection, mark)
        except _InDoubt as doubt:
            if not await self._was_committed(doubt.mark):
                raise Lost("the connection was lost") from doubt
        except DRIVER as error:
            raise ours(error) from error
        return result

    async def _look(self, unit: Callable[[Tx], Awaitable[T]]) -> T:
        async with self._connections.taken() as connection:
            try:
                return await unit(PostgresTx(connection, _READ))
            finally:
                await _undone(connection)

    async def _commit(self, connection: Connection, mark: _Mark | None) -> None:
        try:
            await connection.execute("COMMIT")
        except DRIVER as error:
            found = ours(error)
            if isinstance(found, Lost) and mark is not None and mark.transaction is not None:
                raise _InDoubt(mark) from error
            await _undone(connection)
            raise found from error

    async def _was_committed(self, mark: _Mark) -> bool:
        """Ask a server that is back what became of a transaction. Raises StorageError."""

        async def ask() -> tuple[str | None, str]:
            async with self._connections.taken() as connection:
                try:
                    found = await connection.fetchrow(_WHAT_BECAME, mark.transaction)
                except DRIVER as error:
                    raise ours(error) from error
            state, checkpoint = found or (None, "")
            if state == "in progress":
                raise Again("it is still being written")
            return state, checkpoint

        match await self.patiently(ask):
            case "committed", mark.checkpoint:
                return True
            case "aborted", _:
                return False
            case _:
                raise StorageError(
                    "the connection was lost as it was being written, and nobody can tell whether"
                    " it was: look before you try again"
                )


async def _undone(connection: Connection) -> None:
    """Roll back; where the connection is lost the server has done so already."""
    with contextlib.suppress(*DRIVER):
        await roll_back(connection)
