"""The inside of a unit of work on one connection, alone or in step with others."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from storage.abreast import InStep
from storage.database import sql
from storage.gathering import GatheringTx
from storage.postgres.errors import DRIVER, ours
from storage.postgres.statements import independent, joined, numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.abreast import Taken
    from storage.database import Engine, Value
    from storage.gathering import Found, Statement
    from storage.postgres.connections import Connection

SCRUB = "scrub"  # a topic that the database alone hears

_LOCK = sql("SELECT pg_advisory_xact_lock(CAST(:number AS BIGINT))", "postgresql")
_LOCK_SHARED = sql("SELECT pg_advisory_xact_lock_shared(CAST(:number AS BIGINT))", "postgresql")
_LOCKS = frozenset((_LOCK, _LOCK_SHARED))


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


def _in_few(statements: Sequence[Statement], *, asked: bool) -> list[Statement]:
    """Put writes that go in any order into one, as a trip costs more than most of them do.

    Where it is `asked` what the last one came to, it is still the last one that tells.
    """
    found: list[Statement] = []
    group: list[Statement] = []

    def close() -> None:
        if len(group) > 1:
            text = joined(tuple(statement for statement, _ in group))
            values = {
                f"w{at}_{name}": value
                for at, (_, given) in enumerate(group)
                for name, value in given.items()  # type: ignore[union-attr]
            }
            found.append((text, values))
        else:
            found.extend(group)
        group.clear()

    for at, (statement, given) in enumerate(statements):
        tells = asked and at == len(statements) - 1 and not numbered(statement).returns
        together = (*(one for one, _ in group), statement)
        if isinstance(given, list) or tells or not independent(together):
            close()
        group.append((statement, given))
        if isinstance(given, list):
            close()
    close()
    return found


class PostgresTx(GatheringTx):
    """See Tx. After an error nothing more can be done in the transaction: it is told again.

    What opens it goes along with the locks that it begins with, in one trip.
    """

    engine: Engine = "postgresql"

    def __init__(self, connection: Connection, opening: str = "") -> None:
        super().__init__()
        self._connection = connection
        self._opening = opening
        self._locked: set[tuple[int, bool]] = set()
        self.gone: Exception | None = None

    @property
    def begun(self) -> bool:
        """Whether there is a transaction that must be ended."""
        return not self._opening

    async def _begin(self, statements: list[Statement]) -> list[Statement]:
        """Begin unless it has, and return the statements that are left to run."""
        if self.begun:
            return statements
        locks = list(takewhile(lambda one: one[0] in _LOCKS, statements))
        first = [self._opening]
        for statement, given in locks:
            # Numbers of ours: a script has no parameters.
            first.append(statement.replace(":number", str(given["number"])))  # type: ignore[call-overload]
        self._opening = ""
        await self._connection.execute("; ".join(first))
        return statements[len(locks) :]

    async def _hop(self) -> Found:
        return await self._run()

    async def _run(self, *, asked: bool = True, last: bool = False) -> Found:
        """Run what waits; where it is the `last` of a unit, one statement needs no transaction."""
        if self.gone is not None:
            raise self.gone
        statements, self._waiting = self._waiting, []
        found: Found = ([], 0)
        try:
            few = _in_few(statements, asked=asked)
            if self.begun or not last or len(few) > 1:
                few = _in_few(await self._begin(statements), asked=asked)
            for statement, given in few:
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
            await self._begin([])
            await self._connection.copy_records_to_table(table, records=rows, columns=columns)
        except DRIVER as error:
            self.gone = ours(error)
            raise self.gone from error

    async def finish(self, *, last: bool = False) -> None:
        """Run what was posted; an error that the unit passed over undoes it all the same.

        Where it is the `last` that is run, and one statement is all, that needs no transaction.
        """
        if self.gone is not None:
            raise self.gone
        if self._waiting:
            await self._run(asked=False, last=last)

    def left(self) -> list[Statement]:
        """Return what was posted and not run yet."""
        return self._waiting

    async def lock(self, kind: str, key: int | str, *, shared: bool = False) -> bool:
        """See Tx.lock: an advisory lock, held until the transaction ends."""
        number = lock_key(kind, key)
        if not self._locked & {(number, False), (number, shared)}:
            self._locked.add((number, shared))
            await self.post(_LOCK_SHARED if shared else _LOCK, number=number)
        return True

    async def scrub(self) -> None:
        """See Tx.scrub: the server's VACUUM takes what is dead out of its pages."""
        self.topics.add(SCRUB)


class AbreastTx(InStep, PostgresTx):
    """The inside of a unit that runs in step with others."""

    def __init__(self, connection: Connection, taken: Taken) -> None:
        super().__init__(connection)
        self._taken = taken
