"""The inside of a unit of work on one connection, alone or in step with others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storage.abreast import InStep
from storage.gathering import GatheringTx
from storage.instant import clock
from storage.sqlite import hop
from storage.sqlite.errors import ours
from storage.sqlite.scrubbing import marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.abreast import Taken
    from storage.database import Engine, Value
    from storage.gathering import Found, Statement

SCRUB = "scrub"  # a topic that the writer alone hears


class SqliteTx(GatheringTx):
    """See Tx.

    Some errors, a full disk's among them, roll back the whole transaction: then every later
    statement of the unit is refused, since each would be committed on its own.
    """

    engine: Engine = "sqlite"

    def __init__(self, connection: hop.Connection, before: Sequence[Statement] = ()) -> None:
        super().__init__()
        self._connection = connection
        # What goes along with the first statement: an earlier unit's rest, and a savepoint.
        self._before = before
        self._waiting = list(before)
        self._begun_at = len(before)
        self.gone: Exception | None = None
        self.begun = not before
        self.earlier_failed = False

    async def _hop(self) -> Found:
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
            if self.earlier_failed or not self._connection.in_transaction:
                self.gone = found
            raise found from failed.error

    def left(self) -> list[Statement]:
        """Return what was posted and not run yet, what is carried along included."""
        if self.begun or len(self._waiting) > len(self._before):
            return self._waiting
        return list(self._before[:-1])  # nothing was asked: no need for a savepoint

    async def fill(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]
    ) -> None:
        """See Tx.fill."""
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        by_position: Any = list(rows)
        self._waiting.append((statement, by_position))
        await self._hop()

    async def lock(self, kind: str, key: int | str, *, shared: bool = False) -> bool:
        """Do nothing: there is one writer, so every unit has the whole database."""
        return False

    async def scrub(self) -> None:
        """See Tx.scrub: the mark is kept in the file, so that a crash does not lose it."""
        [[found]] = await self.rows("PRAGMA user_version")
        await self.run(f"PRAGMA user_version = {marked(int(found), clock())}")
        self.topics.add(SCRUB)


class AbreastTx(InStep, SqliteTx):
    """The inside of a unit that runs in step with others."""

    def __init__(self, connection: hop.Connection, taken: Taken) -> None:
        super().__init__(connection)
        self._taken = taken
