"""Units abreast on PostgreSQL: what they ask goes in few trips, and each keeps its order."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from storage import postgres as engine
from storage.postgres.statements import independent, written
from storage.postgres.trips import run_all

PUT = "INSERT INTO spending (channel, month_at, segments) VALUES (:channel, 0, :segments)"
MORE = f"{PUT} ON CONFLICT (channel, month_at) DO UPDATE SET segments = spending.segments + 1"
NEXT = "INSERT INTO pace (channel, next_us) VALUES (:channel, :next_us)"
NAME = "UPDATE platforms SET name = :name WHERE id = :id"
SUM = "SELECT CAST(SUM(segments) AS BIGINT) FROM spending WHERE channel = :channel"
COPY = (
    "INSERT INTO pace (channel, next_us) VALUES"
    " (:channel, (SELECT segments FROM spending WHERE channel = :channel))"
)


@pytest.fixture
async def connection(postgres_server, migrated_postgres):
    """A connection to a migrated database."""
    found = await asyncpg.connect(migrated_postgres)
    yield found
    await found.close()


@pytest.fixture
def trips(monkeypatch):
    """The statements that are run, one for each trip."""
    found = []

    async def execute(self, text, *values, **more):
        found.append(text)
        return await plain(self, text, *values, **more)

    plain = asyncpg.Connection.execute
    monkeypatch.setattr(asyncpg.Connection, "execute", execute)
    return found


def test_writes_go_together_where_none_looks_at_another_s_table():
    """In one statement each sees the tables as they were before it."""
    assert independent((PUT, NEXT, NAME))
    assert not independent((PUT, COPY))
    assert not independent((COPY, PUT))
    assert not independent((PUT, MORE))


def test_each_write_has_a_parameter_of_its_own():
    """The last one is the statement itself, the others stand before it."""
    text = written((PUT, NEXT), (("text", "int8"), ("text", "int8")))
    assert text.startswith("WITH w0 AS (INSERT INTO spending")
    assert text.index("$1::json") < text.index("INSERT INTO pace") < text.index("$2::json")


async def test_what_many_units_write_is_one_trip(connection, trips):
    """Ten units that write to two tables ask the server once."""
    lefts = [
        [(PUT, {"channel": f"c{n}", "segments": n}), (NEXT, {"channel": f"c{n}", "next_us": n})]
        for n in range(10)
    ]
    await run_all(connection, lefts, [])
    assert len(trips) == 1
    assert await connection.fetchval("SELECT SUM(segments) FROM spending") == 45
    assert await connection.fetchval("SELECT SUM(next_us) FROM pace") == 45


async def test_what_looks_at_a_table_comes_after_what_writes_to_it(connection, trips):
    """A unit's statements take effect in their order."""
    lefts = [
        [(PUT, {"channel": f"c{n}", "segments": n}), (COPY, {"channel": f"c{n}"})] for n in range(3)
    ]
    await run_all(connection, lefts, [])
    assert len(trips) == 2
    assert await connection.fetchval("SELECT SUM(next_us) FROM pace") == 3


async def test_a_row_that_is_changed_twice_is_changed_in_turn(connection):
    """One statement would change it once, whichever came first."""
    await connection.execute(
        "INSERT INTO platforms (id, code, name, created_at) VALUES (1, 'a', 'A', 1)"
    )
    await run_all(connection, [[(NAME, {"id": 1, "name": name})] for name in "xyz"], [])
    assert await connection.fetchval("SELECT name FROM platforms WHERE id = 1") == "z"


async def test_each_unit_finds_its_own(connection):
    """Of what is asked at once everybody gets the rows of their own values, in any number."""
    asked = [
        [(MORE, {"channel": channel, "segments": 5}), (SUM, {"channel": channel})]
        for channel in ("a", "b", "none")
    ]
    asked[2] = asked[2][1:]
    found = await run_all(connection, [], asked)
    assert [rows[0][0] for rows, _ in found] == [5, 5, None]


async def test_units_that_write_one_key_go_each_by_itself(postgres_server, migrated_postgres):
    """One statement refuses to change a row that it has added: then nobody is left out."""
    database = await engine.connect(migrated_postgres)

    async def unit(tx, number):
        await tx.lock("phone", number)
        await tx.post(MORE, channel="one", segments=1)

    await asyncio.gather(
        *(database.write(lambda tx, n=n: unit(tx, n), abreast=True) for n in range(8))
    )
    row = await database.read(lambda tx: tx.row(SUM, channel="one"))
    await database.close()
    assert row[0] == 8
