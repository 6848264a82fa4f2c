"""Every row of one database to another, of either engine, in chunks: all of them or none.

What was written is read back, and compared with what was read by count and digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from storage.database import sql
from storage.errors import Closed, Conflict, Corrupt
from storage.tables import TABLES, Table, Tally, counted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from storage.database import Database, Tx

    Progress: TypeAlias = Callable[[int, int], None]

# What each table held, by its name.
Moved: TypeAlias = dict[str, Tally]

# Only how soon a channel may send again: a target that was merely tried has a row of it too.
PASSING = "pace"

_GIVEN = {
    "sqlite": sql("SELECT seq FROM sqlite_sequence WHERE name = :table", "sqlite"),
    "postgresql": sql(
        "SELECT COALESCE(last_value, 0) FROM pg_sequences WHERE schemaname = current_schema()"
        " AND sequencename = CAST(:table AS TEXT) || '_id_seq'",
        "postgresql",
    ),
}
_FORGET_GIVEN = sql("DELETE FROM sqlite_sequence WHERE name = :table", "sqlite")
_GIVE_AFTER = {
    "sqlite": sql("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)", "sqlite"),
    "postgresql": sql("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)", "postgresql"),
}


class _Steps:
    """How far a copy is, and whether it is to be broken off."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total = total
        self._done = 0
        self._progress = progress
        self.stopped = False

    def go(self, rows: int) -> None:
        """Tell that so many rows more are done. Raises Closed where they are the last."""
        if self.stopped:
            raise Closed("the copy was broken off")
        self._done += rows
        self._progress(self._done, max(self._total, self._done))


async def move(
    source: Database,
    target: Database,
    progress: Progress,
    after: Callable[[Tx, int], Awaitable[None]],
    *,
    locked: bool = False,
) -> Moved:
    """Move every row of one state of the source; `after(tx, rows)` ends the same transaction.

    `progress(done, total)` in rows, each of them written, and read back. `locked` lets nobody
    else write to a source that is a file, until everything is read.

    Raises: Conflict for a target that isn't empty; Corrupt where it holds anything else in the
    end than the source; StorageError. Whatever is raised, the target stays empty.
    """
    rows = sum((await source.read(counted)).values())
    steps = _Steps(2 * rows, progress)
    read = source.write if locked else source.read

    async def write(new: Tx) -> Moved:
        await refuse_full(new)
        await new.run(f"DELETE FROM {PASSING}")
        # Read to its end first: a server breaks off a transaction in which nothing happens.
        found = await read(lambda old: _copied(old, new, steps))
        await _compare(new, found, steps)
        await after(new, sum(tally.rows for tally in found.values()))
        return found

    try:
        return await target.write(write)
    finally:
        steps.stopped = True


async def refuse_full(tx: Tx) -> None:
    """Raise Conflict where a database has rows already."""
    full = [
        table.name
        for table in TABLES
        if table.name != PASSING and await tx.row(f"SELECT 1 FROM {table.name} LIMIT 1")
    ]
    if full:
        raise Conflict(f"the target isn't empty: it has rows in {', '.join(full)}")


async def _copied(old: Tx, new: Tx, steps: _Steps) -> Moved:
    found: Moved = {}
    for table in TABLES:
        tally = Tally()
        async for rows in table.chunks(old):
            await new.fill(table.name, table.columns, rows)
            tally = tally.plus(rows)
            steps.go(len(rows))
        if table.counts:
            await _count_on(old, new, table)
        found[table.name] = tally
    return found


async def _compare(new: Tx, wanted: Moved, steps: _Steps) -> None:
    for table in TABLES:
        tally = Tally()
        async for rows in table.chunks(new):
            tally = tally.plus(rows)
            steps.go(len(rows))
        if tally != wanted[table.name]:
            raise Corrupt(f"{table.name} was not copied as it is: nothing is kept of the copy")


async def _count_on(old: Tx, new: Tx, table: Table) -> None:
    """Let the target give no number that the source has given."""
    [[highest]] = await old.rows(f"SELECT COALESCE(MAX(id), 0) FROM {table.name}")
    given = await old.row(_GIVEN[old.engine], table=table.name)
    last = max(highest, given[0] if given else 0)
    if new.engine == "sqlite":
        if not table.is_autoincrement:
            return
        await new.run(_FORGET_GIVEN, table=table.name)
    if last:
        await new.run(_GIVE_AFTER[new.engine], table=table.name, last=last)
