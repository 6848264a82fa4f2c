"""The engine for many processes, on a real server: units of work, locks, loss and leaders."""

from __future__ import annotations

import asyncio

import pytest

from storage import postgres as engine
from storage.database import GATE, OUTBOX
from storage.errors import Closed, Conflict, StorageError

PUT = "INSERT INTO spending (channel, month_at, segments) VALUES (:channel, :month_at, :segments)"
SUM = "SELECT CAST(COALESCE(SUM(segments), 0) AS BIGINT) FROM spending"


async def put(tx, channel, month_at=0, segments=1):
    """Write something."""
    await tx.run(PUT, channel=channel, month_at=month_at, segments=segments)


async def total(database):
    """Return what has been written."""
    row = await database.read(lambda tx: tx.row(SUM))
    return row[0]


@pytest.fixture
async def url(postgres_server, migrated_postgres):
    """The address of a migrated database."""
    return migrated_postgres


@pytest.fixture
async def database(url):
    """A database of one process."""
    found = await engine.connect(url)
    yield found
    await found.close()


@pytest.fixture
async def other(url):
    """The same database, as another process has it open."""
    found = await engine.connect(url)
    yield found
    await found.close()


async def test_a_unit_that_raises_leaves_nothing(database):
    """All of a unit is kept, or nothing."""

    async def unit(tx):
        await put(tx, "a")
        raise KeyError("x")

    with pytest.raises(KeyError):
        await database.write(unit)
    assert await total(database) == 0


async def test_units_abreast_share_a_transaction_and_fail_alone(database):
    """Of many units in step one that fails takes no other with it."""

    async def unit(tx, number):
        await tx.lock("phone", number)
        found = await tx.row("SELECT CAST(:n AS BIGINT) + 1", n=number)
        await tx.post(PUT, channel=f"c{number}", month_at=0, segments=found[0])
        if number == 7:
            raise KeyError(number)
        return found[0]

    found = await asyncio.gather(
        *(database.write(lambda tx, n=n: unit(tx, n), abreast=True) for n in range(100)),
        return_exceptions=True,
    )
    assert isinstance(found.pop(7), KeyError)
    assert found == [n + 1 for n in range(100) if n != 7]
    assert await total(database) == sum(found)


async def test_units_abreast_on_one_lock_are_ordered(database, other):
    """Two messages of one phone never run beside each other, whichever process has them."""

    async def unit(tx):
        await tx.lock("phone", 1)
        found = await tx.row("SELECT CAST(COUNT(*) AS BIGINT) FROM spending")
        await tx.post(PUT, channel="c", month_at=found[0], segments=1)

    await asyncio.gather(*((database, other)[n % 2].write(unit, abreast=True) for n in range(120)))
    assert await total(database) == 120


async def test_a_deadlock_is_run_again(database, other):
    """Whoever is chosen to give way runs again, and both are kept."""
    met = asyncio.Barrier(2)

    async def unit(tx, first, second, seen):
        await tx.lock("row", first)
        await put(tx, f"{first}")
        if not seen:
            seen.append(True)
            await met.wait()
        await tx.lock("row", second)
        await tx.finish()

    await asyncio.gather(
        database.write(lambda tx, seen=[]: unit(tx, 1, 2, seen)),
        other.write(lambda tx, seen=[]: unit(tx, 2, 1, seen)),
    )
    assert await total(database) == 2


async def test_a_cut_connection_is_ridden_out(database, other):
    """A unit whose connection is cut in its middle runs again, once."""
    cut = []

    async def unit(tx):
        await put(tx, "a")
        if not cut:
            pid = (await tx.row("SELECT pg_backend_pid()"))[0]
            cut.append(pid)
            await other.read(lambda it: it.row("SELECT pg_terminate_backend(:pid)", pid=pid))

    await database.write(unit)
    assert cut
    assert await total(database) == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_a_connection_lost_during_commit_is_asked_after(database, monkeypatch, committed):
    """What became of a commit without an answer is asked of the server: never twice, never lost."""
    from storage.postgres import units  # noqa: PLC0415

    lost = []
    commit = units.Units._commit

    async def cut(self, connection, mark):
        if lost:
            return await commit(self, connection, mark)
        lost.append(mark)
        if committed:
            await connection.execute("COMMIT")
        connection.terminate()
        raise units._InDoubt(mark)

    monkeypatch.setattr(units.Units, "_commit", cut)
    await database.write(lambda tx: put(tx, "a"))
    assert lost
    assert await total(database) == 1


async def test_what_a_crashed_server_says_of_a_commit_is_not_believed(database, monkeypatch):
    """It may have given the number of a transaction that it lost to another one."""
    from storage.postgres import units  # noqa: PLC0415

    async def cut(self, connection, mark):
        await connection.execute("COMMIT")
        connection.terminate()
        raise units._InDoubt(mark._replace(checkpoint="0/0"))

    monkeypatch.setattr(units.Units, "_commit", cut)
    with pytest.raises(StorageError, match="nobody can tell"):
        await database.write(lambda tx: put(tx, "a"))


async def test_other_processes_are_told(database, other):
    """A commit's topics reach whoever listens, in this process and in others."""
    heard, mine = [], []
    other.listen(heard.append)
    database.listen(mine.append)
    await asyncio.sleep(0.5)
    heard.clear()
    mine.clear()

    async def unit(tx):
        await tx.notify(OUTBOX)

    for _ in range(20):
        await database.write(unit)
    async with asyncio.timeout(5):
        while OUTBOX not in heard:  # noqa: ASYNC110  another process tells it
            await asyncio.sleep(0.01)
    assert mine == [OUTBOX] * 20
    assert GATE not in heard
    assert len(heard) < 20


async def test_one_process_leads_and_another_takes_over(database, other):
    """A part that one process has is another's within ten seconds of its end."""
    order = []

    async def lead(which, name):
        async with which.leading("clock"):
            order.append(name)
            await asyncio.sleep(0.2)

    async with database.leading("clock"):
        waiting = asyncio.create_task(lead(other, "other"))
        with pytest.raises(Conflict):
            async with other.leading("clock", wait=False):
                pass
        assert order == []
    async with asyncio.timeout(10):
        await waiting
    assert order == ["other"]


async def test_a_leader_whose_connection_is_lost_is_told(database, other):
    """Whoever lost the connection leads no more, and another does."""
    async with database.leading("clock") as lost:
        pid = await database._standing._ask("SELECT pg_backend_pid()")
        await other.read(lambda tx: tx.row("SELECT pg_terminate_backend(:pid)", pid=pid))
        async with asyncio.timeout(10):
            await lost.wait()
            async with other.leading("clock"):
                pass


async def test_whoever_has_it_shared_keeps_out_whoever_wants_it_alone(database, other):
    """Servers run beside each other; what must run without them finds them there."""
    async with database.leading("serving", shared=True), other.leading("serving", shared=True):
        with pytest.raises(Conflict):
            async with database.leading("serving", wait=False):
                pass


async def test_a_refusal_of_the_schema_is_a_conflict(database):
    """What a constraint or a trigger refuses undoes the unit."""
    await database.write(lambda tx: put(tx, "a"))
    with pytest.raises(Conflict):
        await database.write(lambda tx: put(tx, "a"))
    assert await total(database) == 1


async def test_a_statement_that_is_wrong_is_told(database):
    """A fault of the program is no reason to try for ever."""
    with pytest.raises(StorageError):
        await database.write(lambda tx: tx.run("SELECT nothing FROM nowhere"))


async def test_a_closed_database_says_so(database):
    """Nobody waits for a database that has been closed."""
    await database.close()
    with pytest.raises(Closed):
        await database.write(lambda tx: put(tx, "a"))
    with pytest.raises(Closed):
        await database.read(lambda tx: tx.row(SUM))
