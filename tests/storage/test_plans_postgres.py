"""What each statement costs PostgreSQL over a long history: a few pages, found by an index."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time

import asyncpg
import pytest

from storage.postgres.connections import SETTINGS
from storage.postgres.statements import numbered
from tests.storage.history import make
from tests.storage.realistic import WHOLE, named, put_together, values

# `make plans` has a million.
PEOPLE = int(os.environ.get("PLANS_PEOPLE", "50000"))
# A statement changes a hundred rows at the most; each may stand in a page of its own, and so may
# its place in each index, four pages below the index's first.
MOST_PAGES = 4_000
# A row is looked up, not compared with all that came along with it.
MOST_COMPARED = 30
# Read whole where that is quicker: they stay small.
SMALL = {
    "platforms", "organisations", "forms", "rounds", "batches", "pace", "spending", "pending",
    "roles", "pg_class", "pg_namespace",
}  # fmt: skip


@contextlib.asynccontextmanager
async def connected(address):
    """Have a connection as the program's are."""
    connection = await asyncpg.connect(address, server_settings=SETTINGS)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def long(postgres_server):
    """The address of a database with a long history."""
    name = f"long{time.monotonic_ns()}"

    async def fill():
        admin = await asyncpg.connect(f"{postgres_server}/postgres")
        await admin.execute(f"CREATE DATABASE {name}")
        await admin.close()
        connection = await asyncpg.connect(f"{postgres_server}/{name}")
        # Nothing is looked up in other tables while they are filled.
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("SET maintenance_work_mem = '256MB'")
        for statement in make("postgresql", PEOPLE):
            await connection.execute(statement)
        await connection.close()

    async def drop():
        admin = await asyncpg.connect(f"{postgres_server}/postgres")
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()

    asyncio.run(fill())
    yield f"{postgres_server}/{name}"
    asyncio.run(drop())


def literal(value):
    """Return a value as it is written in SQL."""
    if value is None or isinstance(value, bool | int):
        return "NULL" if value is None else str(value)
    return "'" + str(value).replace("'", "''") + "'"


async def plan(connection, statement, given):
    """Return a statement's plan, as it is run for the seventh time; undo what it did.

    By then the server has decided whether to plan it for its values anew each time.
    """
    text, names = numbered(statement)[:2]
    listed = ", ".join(literal(given[name]) for name in names)
    await connection.execute(f"PREPARE looked_at AS {text}")
    for _ in range(7):
        transaction = connection.transaction()
        await transaction.start()
        told = await connection.fetchval(
            "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)"
            f" EXECUTE looked_at{listed and f'({listed})'}"
        )
        await transaction.rollback()
    await connection.execute("DEALLOCATE looked_at")
    return json.loads(told)[0]["Plan"]


def parts(node):
    """Yield a plan's parts, itself first."""
    yield node
    for part in node.get("Plans", ()):
        yield from parts(part)


def _is_of_platforms(join):
    """Tell whether a join is with those below a platform: there are few of them."""
    return any(part["Node Type"] == "CTE Scan" for part in parts(join))


def faults(node):
    """Return what is wrong with a plan."""
    found = [
        f"reads {part['Relation Name']} whole"
        for part in parts(node)
        if part["Node Type"] == "Seq Scan" and part["Relation Name"] not in SMALL
        and part["Actual Loops"]
    ]  # fmt: skip
    pages = node["Shared Hit Blocks"] + node["Shared Read Blocks"]
    if pages > MOST_PAGES:
        found.append(f"{pages} pages")
    rows = max(part["Actual Rows"] for part in parts(node))
    compared = sum(
        part.get("Rows Removed by Join Filter", 0) * part["Actual Loops"]
        for part in parts(node)
        if not _is_of_platforms(part)
    )
    if compared > MOST_COMPARED * rows:
        found.append(f"compares {compared} pairs of {rows:.0f} rows")
    if node["Temp Written Blocks"]:
        found.append("a temporary file")
    return found


async def test_no_statement_s_cost_grows_with_history(long):
    """What is done for one person, one row or one chunk reads few pages, found by an index."""
    found = {
        name: (text, values(name, text, PEOPLE))
        for name, text in named("postgresql").items()
        if name not in WHOLE
    } | await put_together("postgresql", PEOPLE)
    async with connected(long) as connection:
        plans = {name: await plan(connection, *statement) for name, statement in found.items()}
    assert {name: wrong for name, node in plans.items() if (wrong := faults(node))} == {}


async def test_what_grows_is_seen(long):
    """The check itself can tell."""
    scanning = ("SELECT 1 FROM outbox WHERE text = :text", {"text": "words"})
    async with connected(long) as connection:
        assert "reads outbox whole" in faults(await plan(connection, *scanning))
        found = await plan(connection, "SELECT 1 FROM outbox WHERE id = :id", {"id": 7})
        assert faults(found) == []
        series = "generate_series(1, 100)"
        pairs = (f"SELECT 1 FROM {series} a JOIN {series} b ON a = b", {})
        assert faults(await plan(connection, *pairs)) == ["compares 9900 pairs of 100 rows"]
