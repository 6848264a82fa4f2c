"""What the tables refuse by themselves, whoever asks."""

from __future__ import annotations

import contextlib
import sqlite3

import asyncpg
import pytest

from storage import sqlite
from tests.storage.dump_schema import statements
from tests.storage.postgres import new_database

ACT = "INSERT INTO audit (id, at, act) VALUES (7, 1, 'close')"
TREE = (
    "INSERT INTO platforms (id, code, name, parent_id, created_at) VALUES"
    " (1, 'a', 'A', NULL, 1), (2, 'b', 'B', 1, 1), (3, 'c', 'C', 2, 1)"
)
CHANGES = [
    "UPDATE audit SET count = 2",
    "UPDATE audit SET act = act WHERE id = 7",
    "DELETE FROM audit",
    "DELETE FROM audit WHERE id = 7",
    "INSERT INTO audit (id, at, act) VALUES (7, 2, 'x') ON CONFLICT (id) DO UPDATE SET at = 2",
]
CYCLES = [
    "UPDATE platforms SET parent_id = 1 WHERE id = 1",
    "UPDATE platforms SET parent_id = 2 WHERE id = 1",
    "UPDATE platforms SET parent_id = 3 WHERE id = 1",
    "UPDATE platforms SET parent_id = 3 WHERE id = 2",
    "INSERT INTO platforms (id, code, name, parent_id, created_at) VALUES (9, 'i', 'I', 9, 1)",
]


@pytest.fixture(params=["sqlite", "postgresql"])
async def run(request):
    """Run statements on a database of each engine that has all tables, an act and a tree."""
    if request.param == "sqlite":
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            for statement in (*sqlite.PRAGMAS, *statements("sqlite"), ACT, TREE):
                connection.execute(statement)

            async def on_sqlite(statement):
                return connection.execute(statement).fetchall()

            yield on_sqlite
    else:
        async with new_database(request.getfixturevalue("postgres_server")) as postgres:
            for statement in (*statements("postgresql"), ACT, TREE):
                await postgres.execute(statement)
            yield postgres.fetch


REFUSED = (sqlite3.IntegrityError, asyncpg.RaiseError)


@pytest.mark.parametrize("change", CHANGES)
async def test_the_audit_can_not_be_changed(run, change):
    """The audit takes new acts, and refuses every change of an old one."""
    with pytest.raises(REFUSED, match="append-only"):
        await run(change)
    assert [tuple(row) for row in await run("SELECT id, at, act, count FROM audit")] == [
        (7, 1, "close", 0)
    ]


def test_the_audit_can_not_be_replaced_on_sqlite():
    """With recursive triggers on, INSERT OR REPLACE is a deletion too, and is refused."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for statement in (*sqlite.PRAGMAS, *statements("sqlite"), ACT):
            connection.execute(statement)
        for verb in ("INSERT OR REPLACE", "REPLACE"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(f"{verb} INTO audit (id, at, act) VALUES (7, 2, 'x')")


async def test_the_audit_can_not_be_emptied_on_postgresql(postgres):
    """TRUNCATE fires no row's trigger: one of its own refuses it."""
    for statement in (*statements("postgresql"), ACT):
        await postgres.execute(statement)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await postgres.execute("TRUNCATE audit")


@pytest.mark.parametrize("change", CYCLES)
async def test_platforms_are_a_tree(run, change):
    """No platform lies below itself, at any distance."""
    with pytest.raises(REFUSED, match="can not lie below itself"):
        await run(change)


async def test_platforms_can_be_moved(run):
    """A move that makes no cycle is allowed, to the top too."""
    await run("UPDATE platforms SET parent_id = 1 WHERE id = 3")
    await run("UPDATE platforms SET parent_id = NULL WHERE id = 2")
    await run("UPDATE platforms SET parent_id = 2 WHERE id = 1")
    found = [tuple(row) for row in await run("SELECT id, parent_id FROM platforms ORDER BY id")]
    assert found == [(1, 2), (2, None), (3, 1)]


@pytest.mark.parametrize("table", ["outbox", "pending"])
def test_an_id_is_never_given_twice(table):
    """A late receipt or an old button must not mean a newer row than it was made for."""
    made = {
        "outbox": "INSERT INTO outbox (kind, channel, queued_at, expires_at)"
        " VALUES (0, 'sms', 1, 1)",
        "pending": "INSERT INTO pending (address_id, act, code, expires_at)"
        " VALUES (1, 'x', '1234', 1)",
    }[table]
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements("sqlite"):
            connection.execute(statement)
        first = connection.execute(made).lastrowid
        connection.execute(f"DELETE FROM {table}")
        assert connection.execute(made).lastrowid > first
