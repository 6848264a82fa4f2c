"""The tables as whoever copies them sees them: read in chunks, with a tally of what they hold."""

from __future__ import annotations

import marshal
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Text

from storage.schema import metadata

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Table as Described

    from storage.database import Tx

CHUNK = 2_000
ALL = 2**31 - 1
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Tally:
    """What a table holds: how many rows, and a digest that does not depend on their order."""

    rows: int = 0
    digest: int = 0

    def plus(self, rows: list[tuple[Any, ...]]) -> Tally:
        """Return the tally with these canonical rows."""
        digest = self.digest
        for row in rows:
            # The marshalled form of version 0 depends on nothing but the values.
            found = blake2b(marshal.dumps(row, 0), digest_size=_DIGEST_BYTES).digest()
            digest += int.from_bytes(found)
        return Tally(self.rows + len(rows), digest % 2 ** (8 * _DIGEST_BYTES))


class Table:
    """One table: its columns in order, its key, and whether its numbers are counted.

    `parent` is the column that refers to the table itself, "" for none.
    """

    def __init__(self, table: Described) -> None:
        self.name = table.name
        self.columns = [column.name for column in table.columns]
        self.key = [column.name for column in table.primary_key]
        self.counts = self.key == ["id"]
        self.is_autoincrement = bool(table.dialect_options["sqlite"]["autoincrement"])
        self._texts = [n for n, c in enumerate(table.columns) if isinstance(c.type, Text)]
        self._flags = [n for n, c in enumerate(table.columns) if isinstance(c.type, Boolean)]
        self.parent = next(
            (c.name for c in table.columns for f in c.foreign_keys if f.column.table is table), ""
        )

    def canonical(self, row: Any) -> tuple[Any, ...]:  # noqa: ANN401  a row of either engine
        """Return a row's values as they are on both engines: NUL, which one refuses, replaced."""
        values = list(row)
        for at in self._flags:
            values[at] = bool(values[at])
        for at in self._texts:
            if values[at] is not None and "\0" in values[at]:
                values[at] = values[at].replace("\0", "\ufffd")
        return tuple(values)

    async def chunks(self, tx: Tx) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Yield the rows by the primary key; of a tree all at once, parents first."""
        most = ALL if self.parent else CHUNK
        order = f"ORDER BY {', '.join(self.key)} LIMIT :most"
        begin = f"SELECT {', '.join(self.columns)} FROM {self.name}"
        after = ", ".join(f":after_{name}" for name in self.key)
        where = f"WHERE ({', '.join(self.key)}) > ({after})"
        rows = await tx.rows(f"{begin} {order}", most=most)
        while rows:
            found = [self.canonical(row) for row in rows]
            yield self._parents_first(found) if self.parent else found
            last = {f"after_{name}": rows[-1][name] for name in self.key}
            full = len(rows) == most
            rows = await tx.rows(f"{begin} {where} {order}", most=most, **last) if full else []

    def _parents_first(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        above = self.columns.index(self.parent)
        by_id = {row[0]: row for row in rows}
        placed: dict[int, tuple[Any, ...]] = {}
        for row in rows:
            way: list[tuple[Any, ...]] = []
            up: tuple[Any, ...] | None = row
            while up is not None and up[0] not in placed:
                way.append(up)
                up = by_id.get(up[above])
            placed.update((each[0], each) for each in reversed(way))
        return list(placed.values())


# Those that others refer to come first.
TABLES = [Table(table) for table in metadata.sorted_tables]


async def counted(tx: Tx) -> dict[str, int]:
    """Return how many rows each table has."""
    found = {}
    for table in TABLES:
        [[rows]] = await tx.rows(f"SELECT COUNT(*) FROM {table.name}")
        found[table.name] = int(rows)
    return found
