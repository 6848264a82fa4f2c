"""A crowd: a million members with a phone each, made by SQL in some seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.place import opened

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Database, Tx

MOST = 1_000_000
# Their phones are +1202555 and a number from here on, which nobody has.
FIRST = 1_000_000

# The numbers from 0 on, on either engine.
_NUMBERS = """
    WITH d(v) AS (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)), n(i) AS (
        SELECT 100000 * a.v + 10000 * b.v + 1000 * c.v + 100 * e.v + 10 * f.v + g.v
        FROM d a, d b, d c, d e, d f, d g
    )"""
_FILL = """
INSERT INTO members (id, state, alias, type, sector, language, created_at, joined_at, introduced)
    {numbers} SELECT i + 1, 'member', 'M' || i,
    CASE i % 4 WHEN 0 THEN 'water_users' WHEN 1 THEN 'business' WHEN 2 THEN 'donor'
        ELSE 'media' END,
    CASE i % 3 WHEN 0 THEN 'civil' WHEN 1 THEN 'public' ELSE 'private' END, 'en', 1, 1, TRUE
    FROM n WHERE i < :people ORDER BY i;
INSERT INTO addresses (id, channel, value, created_at)
    {numbers} SELECT i + 1, 'sms', '+1202555' || ({first} + i), 1
    FROM n WHERE i < :people ORDER BY i;
INSERT INTO member_addresses (member_id, address_id, linked_at)
    {numbers} SELECT i + 1, i + 1, 1 FROM n WHERE i < :people ORDER BY i
"""
_GO_ON = (
    "SELECT setval(pg_get_serial_sequence('members', 'id'), CAST(:people AS BIGINT)),"
    " setval(pg_get_serial_sequence('addresses', 'id'), CAST(:people AS BIGINT))"
)


async def fill(folder: Path, people: int) -> Database:
    """Make a database of so many members, each with an address; the caller closes it."""
    database = await opened(folder)

    async def unit(tx: Tx) -> None:
        await quickly(tx)
        for statement in _FILL.format(numbers=_NUMBERS, first=FIRST).split(";"):
            await tx.run(statement.strip(), people=people)
        if tx.engine == "postgresql":
            await tx.rows(_GO_ON, people=people)

    await database.write(unit)
    await settle(database)
    return database


async def quickly(tx: Tx) -> None:
    """Let a unit write much without a look-up for each row: what it writes is known to fit."""
    if tx.engine == "postgresql":
        await tx.run("SET LOCAL session_replication_role = replica")


async def settle(database: Database) -> None:
    """Let PostgreSQL know how much there is now, as it would by itself after a minute."""

    async def unit(tx: Tx) -> None:
        if tx.engine == "postgresql":
            await tx.run("ANALYZE")

    await database.write(unit)
