"""The inside of a unit of work on one connection, alone or in step with others."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from storage.abreast import InStep
from storage.database import sql
from storage.gathering import GatheringTx
from storage.postgres.errors import DRIVER, ours
from storage.postgres.statements import numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.abreast import Taken
    from storage.database import Engine, Value
    from storage.gathering import Found, Statement
    from storage.postgres.connections import Connection

SCRUB = "scrub"  # a topic that the database alone hears

_LOCK = sql("SELECT pg_advisory_xact_lock(CAST(:number AS BIGINT))", "postgresql")
_LOCK_SHARED = sql("SELECT pg_advisory_xact_lock_shared(CAST(:number AS BIGINT))", "postgresql")


@lru_cache(4_096)
def lock_key(kind: str, key: int | str) -> int:
    """Return the number by which PostgreSQL knows a lock."""
    digest = blake2b(f"{kind}:{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _changed(status: str) -> int:
    count = status.rpartition(" ")[2]
    return int(count) if count.isdecimal() else 0


async def run_one(connection: Connection, statement: str, given: Any) -> Found:  # noqa: ANN401
    """Run one statement, once or for each set of values. Raises what the driver does."""
    found = numbered(statement)
    if isinstance(given, list):
        await connection.executemany(found.text, [found.values(one) for one in given])
        return [], len(given)
    if found.returns:
        rows = await connection.fetch(found.text, *found.values(given))
        return rows, len(rows)
    return [], _changed(await connection.execute(found.text, *found.values(given)))


class PostgresTx(GatheringTx):
    """See Tx. After an error nothing more can be done in the transaction: it is told again."""

    engine: Engine = "postgresql"

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self.gone: Exception | None = None

    async def _hop(self) -> Found:
        if self.gone is not None:
            raise self.gone
        statements, self._waiting = self._waiting, []
        found: Found = ([], 0)
        try:
            for statement, given in statements:
                found = await run_one(self._connection, statement, given)
        except DRIVER as error:
            self.gone = ours(error)
            raise self.gone from error
        return found

    async def fill(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]
    ) -> None:
        """See Tx.fill: COPY, in its binary form."""
        await self.finish()
        try:
            await self._connection.copy_records_to_table(table, records=rows, columns=columns)
        except DRIVER as error:
            self.gone = ours(error)
            raise self.gone from error

    async def finish(self) -> None:
        """Run what was posted; an error that the unit passed over undoes it all the same."""
        if self.gone is not None:
            raise self.gone
        await super().finish()

    def left(self) -> list[Statement]:
        """Return what was posted and not run yet."""
        return self._waiting

    async def lock(self, kind: str, key: int | str, *, shared: bool = False) -> bool:
        """See Tx.lock: an advisory lock, held until the transaction ends."""
        await self.post(_LOCK_SHARED if shared else _LOCK, number=lock_key(kind, key))
        return True

    async def scrub(self) -> None:
        """See Tx.scrub: the server's VACUUM takes what is dead out of its pages."""
        self.topics.add(SCRUB)


class AbreastTx(InStep, PostgresTx):
    """The inside of a unit that runs in step with others."""

    def __init__(self, connection: Connection, taken: Taken) -> None:
        super().__init__(connection)
        self._taken = taken
