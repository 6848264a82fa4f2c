"""The inside of a unit of work on one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.sqlite import hop
from storage.sqlite.errors import ours
from storage.sqlite.scrubbing import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from storage.database import Engine, Row, Value
    from storage.sqlite.hop import Statement

SCRUB = "scrub"  # a topic that the writer alone hears


class SqliteTx:
    """See Tx.

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
            if self.earlier_failed or not self._connection.in_transaction:
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
        self.topics.add(SCRUB)
