"""Units abreast: they share their hops, their locks order them, and each stays whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from storage import abreast, sqlite
from storage.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from storage.database import Database, Tx


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """Open a file with a table of the test's own."""
    found = await sqlite.connect(tmp_path / "abreast.db")
    await found.write(
        lambda tx: tx.run("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT UNIQUE NOT NULL)")
    )
    yield found
    await found.close()


def noting(body: str | None, key: int, *, then: Exception | None = None, asks: bool = True):
    """Return a unit that locks a key, counts the notes, adds one, and perhaps raises."""

    async def unit(tx: Tx) -> int:
        await tx.lock("phone", key)
        row = await tx.row("SELECT COUNT(*) FROM note") if asks else [0]
        await tx.post("INSERT INTO note (body) VALUES (:body)", body=body)
        if then is not None:
            raise then
        return int(row[0])

    return unit


async def together(db: Database, *units) -> list:
    """Write units abreast at once; return their results and errors."""
    return await asyncio.gather(
        *(db.write(unit, abreast=True) for unit in units), return_exceptions=True
    )


async def notes(db: Database) -> list[str]:
    """Return the notes in order."""
    return [
        row[0] for row in await db.read(lambda tx: tx.rows("SELECT body FROM note ORDER BY id"))
    ]


async def test_a_round_of_units_takes_one_hop_for_each_statement(db, monkeypatch):
    """Ten units that ask once make one hop, and one for what they leave and the commit."""
    hops = []
    connection = db._writer.connection
    for name in ("batch", "batches"):
        original = getattr(connection, name)

        async def counted(requests, original=original, name=name):
            hops.append(name)
            return await original(requests)

        monkeypatch.setattr(connection, name, counted)
    found = await together(db, *(noting(f"n{key}", key) for key in range(10)))
    assert found == [0] * 10
    assert hops == ["batches", "batch"]
    assert len(await notes(db)) == 10


async def test_one_phones_messages_come_one_after_the_other(db):
    """A unit whose lock another has sees all that the other did."""
    found = await together(db, noting("a", 1), noting("b", 1), noting("c", 1), noting("d", 2))
    assert found == [0, 2, 3, 0]
    assert sorted(await notes(db)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (noting("x", 9, then=ValueError("no")), ValueError),
        (noting(None, 9), Conflict),
        (noting("taken", 9), Conflict),
        (noting(None, 9, asks=False), Conflict),
    ],
)
@pytest.mark.parametrize("place", [0, 2, 4])
async def test_a_bad_unit_harms_no_neighbour(db, bad, error, place):
    """Its error reaches its caller alone, and nothing of it is kept."""
    await db.write(lambda tx: tx.run("INSERT INTO note (body) VALUES ('taken')"))
    units = [noting(f"n{key}", key) for key in range(4)]
    units.insert(place, bad)
    found = await together(db, *units)
    assert isinstance(found.pop(place), error)
    assert [type(one) for one in found] == [int] * 4
    assert sorted(await notes(db)) == ["n0", "n1", "n2", "n3", "taken"]


async def test_a_unit_that_awaits_something_else_is_run_alone(db):
    """What can't be driven in step still does its work."""

    async def unit(tx: Tx) -> str:
        await asyncio.sleep(0)
        await tx.post("INSERT INTO note (body) VALUES ('slow')")
        return "done"

    assert await together(db, noting("a", 1), unit, noting("b", 2)) == [0, "done", 2]
    assert sorted(await notes(db)) == ["a", "b", "slow"]


async def test_a_lock_taken_too_late_is_run_alone(db):
    """A unit that has asked something before it finds its lock taken is undone and run again."""

    async def late(tx: Tx) -> int:
        row = await tx.row("SELECT COUNT(*) FROM note")
        await tx.lock("phone", 1)
        return int(row[0])

    assert await together(db, noting("a", 1), late) == [0, 1]


async def test_shared_locks_do_not_wait_for_each_other(db):
    """Two answers to one round go abreast."""

    async def sharing(tx: Tx) -> int:
        await tx.lock("round", 7, shared=True)
        return int((await tx.row("SELECT COUNT(*) FROM note"))[0])

    assert await together(db, sharing, sharing) == [0, 0]


async def test_units_abreast_and_others_keep_their_order(db):
    """A unit that wants the database to itself sees all that came before, and is seen after."""
    first = asyncio.gather(*(db.write(noting(f"a{k}", k), abreast=True) for k in range(3)))
    await asyncio.sleep(0)
    alone = asyncio.create_task(db.write(noting("alone", 1)))
    await asyncio.sleep(0)
    last = asyncio.gather(*(db.write(noting(f"b{k}", k), abreast=True) for k in range(3)))
    assert [await first, await alone, await last] == [[0] * 3, 3, [4] * 3]


async def test_more_than_a_round_at_once(db):
    """However many wait, each is run, a bounded number in step."""
    count = 3 * abreast.MOST + 5
    found = await together(db, *(noting(f"n{key}", key) for key in range(count)))
    assert [type(one) for one in found] == [int] * count
    assert len(await notes(db)) == count
