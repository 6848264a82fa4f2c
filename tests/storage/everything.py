"""An alliance with rows in every table, and values that are easily lost on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Integer, SmallInteger

from storage.schema import metadata

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

    from storage.database import Tx

ROWS = 7
WORDS = (
    "", "plain", "'quoted'; DROP TABLE members; --", "ñandú 🙂 \U0010ffff", "\t\r\n\\N\\.",
    "\ufeff\u202e\u200f\u0301", "a" * 5_000,
)  # fmt: skip
NUMBERS = (0, 1, -1, 2**31, -(2**31), 2**63 - 1, -(2**63))
SMALL = (0, 1, -1, 32_767, -32_768, 7, 9)


def _value(table: Table, column: Column[Any], row: int) -> Any:
    """Return what stands in a column of the row with this number, from 1."""
    nth = row - 1
    if column.name == "id":
        return row * 10
    if column.foreign_keys:
        [key] = column.foreign_keys
        if key.column.table is table:  # parents behind their children, too
            return None if row == ROWS else (row + 1) * 10
        return None if column.nullable and row == 1 else row * 10
    checks = [c for c in table.constraints if str(c.name).endswith(f"_{column.name}")]
    allowed = [str(c.sqltext) for c in checks if hasattr(c, "sqltext")]  # type: ignore[attr-defined]
    if allowed:
        values = allowed[0].partition("(")[2].rstrip(")").replace("'", "").split(", ")
        return values[nth % len(values)]
    if isinstance(column.type, Boolean):
        return nth % 2 == 0
    if column.nullable and nth == 1:
        return None
    if isinstance(column.type, SmallInteger):
        return SMALL[nth]
    if isinstance(column.type, BigInteger):
        return NUMBERS[nth]
    if isinstance(column.type, Integer):
        return row
    unique = column.primary_key or column.unique or column.name in ("key", "value", "name")
    return f"{row} {WORDS[nth]}" if unique else WORDS[nth]


async def fill(tx: Tx) -> None:
    """Add `ROWS` rows to each table of an empty database."""
    for table in metadata.sorted_tables:
        columns = list(table.columns)
        rows = [[_value(table, c, row) for c in columns] for row in range(1, ROWS + 1)]
        if any(key.column.table is table for key in table.foreign_keys):
            rows.reverse()
        await tx.fill(table.name, [c.name for c in columns], rows)


async def everything(tx: Tx) -> dict[str, set[tuple[Any, ...]]]:
    """Return all rows of each table, as the engine has them."""
    found = {}
    for table in metadata.sorted_tables:
        columns = ", ".join(c.name for c in table.columns)
        rows = await tx.rows(f"SELECT {columns} FROM {table.name}")
        found[table.name] = {tuple(row) for row in rows}
    return found
