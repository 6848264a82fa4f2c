from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from storage import backups, moving, sqlite, tables
from storage.errors import Closed, Conflict, Corrupt
from storage.instant import clock
from storage.opening import Place, Server, open_database
from storage.schema import metadata
from tests.storage.everything import ROWS, everything, fill

TABLES = [table.name for table in metadata.sorted_tables]


def ignore(_done, _total):
    """Show no progress."""


async def nothing(_tx, _rows):
    """Add nothing to the copy."""


@pytest.fixture
async def full(path):
    """Open a SQLite database with rows in every table."""
    database = await open_database(Place(path))
    await database.write(fill)
    yield database
    await database.close()


@pytest.fixture
async def other(tmp_path):
    """Open an empty SQLite database."""
    database = await open_database(Place(tmp_path / "other.db"))
    yield database
    await database.close()


@pytest.fixture
async def server(migrated_postgres):
    """Open an empty PostgreSQL database."""
    database = await open_database(Server(migrated_postgres))
    yield database
    await database.close()


@pytest.fixture(params=["other", "server"])
def target(request):
    """Open an empty database of each engine."""
    return request.getfixturevalue(request.param)


async def move(source, target):
    """Move everything, and return the tallies."""
    return await moving.move(source, target, ignore, nothing)


async def is_empty(database):
    """Tell whether no table has a row."""
    return not any((await database.read(tables.counted)).values())


async def test_every_table_there_and_back(full, server, other):
    """From SQLite to PostgreSQL and back every value of every table is what it was."""
    there = await move(full, server)
    assert {name: tally.rows for name, tally in there.items()} == dict.fromkeys(TABLES, ROWS)
    assert await server.read(everything) == await full.read(everything)
    assert await move(server, other) == there
    assert await other.read(everything) == await full.read(everything)


async def test_what_was_written_since_shows(full, server, other):
    """A digest is of the values: one that differs anywhere is another."""
    before = await move(full, other)
    await full.write(lambda tx: tx.run("UPDATE outbox SET maybe_twice = NOT maybe_twice"))
    await full.write(lambda tx: tx.run("UPDATE tickets SET text = text || ' ' WHERE id = 20"))
    after = await move(full, server)
    assert {name for name in TABLES if before[name] != after[name]} == {"outbox", "tickets"}


async def test_nul_becomes_its_sign(full, target):
    """PostgreSQL refuses NUL: in any copy it is U+FFFD, as at the door."""
    await full.write(lambda tx: tx.run("UPDATE members SET alias = 'a' || char(0) || 'b'"))
    await move(full, target)
    rows = await target.read(lambda tx: tx.rows("SELECT alias FROM members"))
    assert {row[0] for row in rows} == {"a\ufffdb"}


async def test_many_rows(path, target, monkeypatch):
    """A table is walked in chunks by its key, whatever the key is, and none is passed over."""
    monkeypatch.setattr(tables, "CHUNK", 3)
    database = await open_database(Place(path))
    await database.write(fill)
    for chunk in (1, 2, ROWS, ROWS + 1):
        monkeypatch.setattr(tables, "CHUNK", chunk)
        async with contextlib.AsyncExitStack() as stack:
            again = await open_database(Place(path.with_name(f"{chunk}.db")))
            stack.push_async_callback(again.close)
            found = await move(database, again)
        assert {tally.rows for tally in found.values()} == {ROWS}
    await move(database, target)
    assert await target.read(everything) == await database.read(everything)
    await database.close()


@pytest.mark.parametrize("table", ["outbox", "pending"])
async def test_numbers_go_on(full, target, table):
    """No number that was given is given again, not even that of a row that is gone."""
    await full.write(lambda tx: tx.run(f"DELETE FROM {table} WHERE id = 70"))
    await move(full, target)
    columns = {
        "outbox": "(kind, channel, queued_at, expires_at) VALUES (0, 'sms', 1, 1)",
        "pending": "(address_id, act, code, expires_at) VALUES (70, 'start', '1', 1)",
    }
    row = await target.write(
        lambda tx: tx.row(f"INSERT INTO {table} {columns[table]} RETURNING id")
    )
    assert row[0] == 71


async def test_numbers_of_every_table_go_on(full, server, other):
    """The next row of any table gets a number past the highest, there and back."""
    await move(full, server)
    await move(server, other)
    for database in (server, other):
        row = await database.write(
            lambda tx: tx.row(
                "INSERT INTO organisations (name, name_key, created_at)"
                " VALUES ('x', 'x', 1) RETURNING id"
            )
        )
        assert row[0] == 10 * ROWS + 1


async def test_a_full_target_is_refused(full, target):
    """A target with rows is left as it is, and says which tables they are in."""
    await target.write(
        lambda tx: tx.run("INSERT INTO barred (hash, reason, at) VALUES ('h', 'no', 1)")
    )
    with pytest.raises(Conflict, match="isn't empty: it has rows in barred"):
        await move(full, target)
    counts = await target.read(tables.counted)
    assert {name for name, rows in counts.items() if rows} == {"barred"}


async def test_a_target_that_was_merely_checked(full, target):
    """What `switchboard check` leaves in a new database is no row to be kept."""
    await target.sound()
    await move(full, target)
    assert await target.read(everything) == await full.read(everything)


@pytest.mark.parametrize("at", [1, 40, 130])
async def test_broken_off_nothing_is_kept(full, target, at, monkeypatch):
    """An error at any moment, while writing or while comparing, leaves the target empty."""
    monkeypatch.setattr(tables, "CHUNK", 2)
    calls = 0

    def fail(_done, _total):
        nonlocal calls
        calls += 1
        if calls == at:
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        await moving.move(full, target, fail, nothing)
    assert await is_empty(target)


async def test_cancelled_nothing_is_kept(full, target, monkeypatch):
    """Whoever stops the copy finds the target empty."""
    monkeypatch.setattr(tables, "CHUNK", 1)
    begun, told = asyncio.Event(), []

    def progress(done, total):
        told.append(done)
        begun.set()

    task = asyncio.create_task(moving.move(full, target, progress, nothing))
    await begun.wait()
    task.cancel()
    with pytest.raises((asyncio.CancelledError, Closed)):
        await task
    with contextlib.suppress(Closed):
        await target.write(tables.counted)  # behind the unit that was cut off
    assert await is_empty(target)
    assert told[-1] < 2 * ROWS * len(TABLES)


async def test_what_differs_is_not_kept(full, target, monkeypatch):
    """A row that reads back as another than was written ends the copy."""
    plus = tables.Tally.plus
    tallies = []

    def wrong(self, rows):
        tallies.append(self)
        found = plus(self, rows)
        return replace(found, digest=found.digest ^ 1) if len(tallies) == len(TABLES) + 3 else found

    monkeypatch.setattr(tables.Tally, "plus", wrong)
    with pytest.raises(Corrupt, match="was not copied as it is"):
        await move(full, target)
    assert await is_empty(target)


async def test_progress_ends_at_its_total(full, other):
    """Each row counts twice: written, and read back."""
    told = []
    await moving.move(full, other, lambda done, total: told.append((done, total)), nothing)
    total = 2 * ROWS * len(TABLES)
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


async def test_a_server_is_not_copied_under_its_feet(full, other):
    """What it wrote meanwhile would be lost: it has to be stopped first."""
    async with full.leading("serving", shared=True):
        with pytest.raises(Conflict, match="a server runs on the database: stop it first"):
            await backups.copy(full, other, ignore, clock())
    await backups.copy(full, other, ignore, clock())
    audit = await other.read(lambda tx: tx.rows("SELECT act, count FROM audit ORDER BY id DESC"))
    assert tuple(audit[0]) == ("copy", ROWS * len(TABLES))


async def test_a_postgres_backup_is_a_file(full, server, tmp_path):
    """A backup of PostgreSQL is one SQLite file with everything, readable by its owner alone."""
    await move(full, server)
    file = tmp_path / "backup.db"
    await backups.backup(server, file, ignore)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.glob("backup.db*")] == ["backup.db"]
    copy = await sqlite.connect(file)
    assert await copy.read(everything) == await full.read(everything)
    await copy.close()
    with pytest.raises(Conflict, match="is there already"):
        await backups.backup(server, file, ignore)


async def test_a_postgres_backup_under_load(full, server, tmp_path, monkeypatch):
    """The copy is of one instant, whatever is written meanwhile."""
    monkeypatch.setattr(tables, "CHUNK", 1)
    await move(full, server)

    async def pair(tx):
        await tx.run("INSERT INTO platforms (code, name, created_at) VALUES (:c, '', 1)", c="x")
        await tx.run("UPDATE platforms SET code = 'p' || id WHERE code = 'x'")
        await tx.run("INSERT INTO barred (hash, reason, at) SELECT 'h' || COUNT(*), 'no', 1 FROM"
                     " platforms")  # fmt: skip

    async def write_on():
        while True:
            await server.write(pair)

    writing = asyncio.create_task(write_on())
    await asyncio.sleep(0.05)
    await backups.backup(server, tmp_path / "backup.db", ignore)
    writing.cancel()
    await asyncio.wait({writing})
    copy = await sqlite.connect(tmp_path / "backup.db")
    counts = await copy.read(tables.counted)
    await copy.close()
    assert counts["platforms"] == counts["barred"] > ROWS
    assert (await server.read(tables.counted))["platforms"] > counts["platforms"]
