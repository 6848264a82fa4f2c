"""Units on PostgreSQL, each by itself: in how few trips they go, and what may be done twice."""

from __future__ import annotations

import asyncpg
import pytest

from storage import postgres as engine
from storage.database import GATE
from storage.errors import Conflict
from storage.postgres import units
from storage.postgres.statements import joined
from storage.postgres.tx import lock_key

PUT = "INSERT INTO spending (channel, month_at, segments) VALUES (:channel, :month_at, :segments)"
NEXT = (
    "INSERT INTO pace (channel, next_us) VALUES (:channel, :next_us)"
    " ON CONFLICT (channel) DO UPDATE SET next_us = pace.next_us + 1 RETURNING next_us"
)
SUM = "SELECT CAST(COALESCE(SUM(segments), 0) AS BIGINT) FROM spending"
MORE = "UPDATE spending SET segments = segments + 1 WHERE channel = :channel"


@pytest.fixture
async def database(postgres_server, migrated_postgres):
    """A database of one process, with its first connection open."""
    found = await engine.connect(migrated_postgres)
    await found.read(lambda tx: tx.row("SELECT 1"))
    yield found
    await found.close()


@pytest.fixture
def trips(monkeypatch):
    """The statements that are run, one for each trip."""
    found = []

    def heard(name):
        plain = getattr(asyncpg.Connection, name)

        async def run(self, text, *values, **more):
            found.append(text)
            return await plain(self, text, *values, **more)

        monkeypatch.setattr(asyncpg.Connection, name, run)

    for name in ("execute", "fetch", "fetchrow", "executemany"):
        heard(name)
    return found


async def put(tx, channel="a", segments=1):
    """Write something, of which nobody asks what it came to."""
    await tx.post(PUT, channel=channel, month_at=0, segments=segments)


async def total(database):
    """Return what has been written."""
    return (await database.read(lambda tx: tx.row(SUM)))[0]


def test_joined_writes_keep_their_values_apart():
    """The last is the statement itself: it may say what it found."""
    text = joined((PUT, NEXT))
    assert text.startswith("WITH w0 AS (INSERT INTO spending")
    assert ":w0_channel" in text
    assert text.endswith("RETURNING next_us")
    assert text.count(":w1_channel") == 1
    assert joined((PUT,)) == PUT.replace(":", ":w0_")


async def test_what_opens_a_transaction_goes_with_its_locks(database, trips):
    """A lock that is had already is not asked for again, shared or not."""

    async def unit(tx):
        for shared in (False, True, False):
            await tx.lock("phone", 7, shared=shared)
        await tx.lock("phone", 8, shared=True)
        await put(tx)

    await database.write(unit)
    first, second = lock_key("phone", 7), lock_key("phone", 8)
    assert trips[0].split("; ") == [
        "BEGIN",
        f"SELECT pg_advisory_xact_lock(CAST({first} AS BIGINT))",
        f"SELECT pg_advisory_xact_lock_shared(CAST({second} AS BIGINT))",
    ]
    assert len(trips) == 4  # and the write, what the transaction is called, COMMIT


async def test_a_unit_that_asks_nothing_makes_no_trip(database, trips):
    """There is no transaction to be ended."""

    async def unit(tx):
        return 7

    assert await database.write(unit) == 7
    assert trips == []


async def test_writes_that_look_at_nothing_of_each_other_s_are_one_trip(database, trips):
    """What the last one found is told; each keeps its own values."""

    async def unit(tx):
        await put(tx, segments=5)
        return (await tx.row(NEXT, channel="b", next_us=9))[0]

    assert await database.write(unit) == 9
    assert len(trips) == 4  # BEGIN, both, what the transaction is called, COMMIT
    assert await total(database) == 5


async def test_how_many_rows_were_changed_is_that_statement_s_own(database):
    """Where it is asked how many, nothing else goes along."""

    async def unit(tx):
        await tx.post(NEXT, channel="b", next_us=9)
        return await tx.run(MORE, channel="nobody")

    assert await database.write(unit) == 0


async def test_writes_of_one_table_keep_their_order(database):
    """One statement would not see what another of it has written."""

    async def unit(tx):
        await put(tx)
        await tx.post(MORE, channel="a")
        await tx.many(MORE, [{"channel": "a"}, {"channel": "a"}])
        await tx.post(NEXT, channel="b", next_us=9)

    await database.write(unit)
    assert await total(database) == 4


async def test_one_statement_that_may_be_repeated_is_one_trip(database, trips):
    """It is a transaction by itself."""

    async def unit(tx):
        await put(tx)
        await tx.post(NEXT, channel="b", next_us=9)

    await database.write(unit, repeatable=True)
    assert len(trips) == 1
    assert await total(database) == 1


async def test_one_statement_that_is_refused_leaves_nothing(database):
    """Its error is told as any other, and the connection goes on."""
    await database.write(put)

    async def unit(tx):
        await tx.post(NEXT, channel="b", next_us=9)
        await put(tx)  # there is one already

    with pytest.raises(Conflict):
        await database.write(unit, repeatable=True)
    assert await database.read(lambda tx: tx.rows("SELECT 1 FROM pace")) == []
    await database.write(lambda tx: put(tx, "b"))


@pytest.mark.parametrize("committed", [True, False])
async def test_a_unit_that_may_be_repeated_is_run_again(database, monkeypatch, committed):
    """Where the connection is lost as it is committed, nobody asks what became of it."""
    lost, execute = [], asyncpg.Connection.execute

    async def cut(self, text, *values, **more):
        if text != "COMMIT" or lost:
            return await execute(self, text, *values, **more)
        lost.append(text)
        if committed:
            await execute(self, text)
        self.terminate()
        raise asyncpg.ConnectionDoesNotExistError("lost")

    async def unit(tx):
        done = await tx.run(MORE, channel="a")
        await tx.rows(SUM)
        return done

    await database.write(put)
    monkeypatch.setattr(asyncpg.Connection, "execute", cut)
    monkeypatch.setattr(units, "FIRST_PAUSE", 0.01)
    assert await database.write(unit, repeatable=True) == 1
    assert lost
    assert await total(database) == (3 if committed else 2)


async def test_what_a_lost_commit_told_is_told(database, monkeypatch):
    """The second run may find that all is done, and notify nobody."""
    heard, runs = [], []
    execute = asyncpg.Connection.execute

    async def cut(self, text, *values, **more):
        found = await execute(self, text, *values, **more)
        if text == "COMMIT" and len(runs) == 1:
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError("lost")
        return found

    async def unit(tx):
        runs.append(tx)
        if await tx.row("SELECT 1 FROM spending") is None:
            await tx.notify(GATE)
            await put(tx)

    database.listen(heard.append)
    monkeypatch.setattr(asyncpg.Connection, "execute", cut)
    monkeypatch.setattr(units, "FIRST_PAUSE", 0.01)
    await database.write(unit, repeatable=True)
    assert len(runs) == 2
    assert GATE in heard
