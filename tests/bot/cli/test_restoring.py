from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
from threading import Event, Thread

import pytest

from handlers.dialog.perform import queue_next
from storage import addresses, members, opening
from storage.instant import DAY, clock
from storage.schema import metadata

pytestmark = pytest.mark.usefixtures("alliance")


def queue(read):
    """Queue every broadcast that is due."""

    async def unit(tx):
        while await queue_next(tx, clock()):
            pass

    read(unit)


def backup(switchboard, folder):
    """Make a backup, and return its path."""
    switchboard("backup", folder / "backup.db")
    return folder / "backup.db"


def kept(folder):
    """Return the databases that restores have kept."""
    return sorted(folder.glob("switchboard.db.replaced-*"))


def rows(path, sql):
    """Return what a query finds in a file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_what_was_is_there_again(switchboard, folder):
    """The backup takes the database's place, and what it replaces is kept beside."""
    file = backup(switchboard, folder)
    (folder / ".restoring-switchboard.db-left").mkdir()  # by one that was killed
    switchboard("platforms", "add", "osu", "Osu")
    done = switchboard("restore", file, "--yes")
    [aside] = kept(folder)
    assert done.stdout == f"restored: 6 members, 0 messages\nkept: {aside}\n"
    assert "osu" not in switchboard("platforms", "list").stdout
    assert rows(aside, "SELECT 1 FROM platforms WHERE code = 'osu'")
    for path in (aside, folder / "switchboard.db", file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(folder.glob(".restoring-*"))
    act = "SELECT act FROM audit ORDER BY id DESC LIMIT 1"
    assert rows(folder / "switchboard.db", act) == [("restore",)]


def test_nothing_leaves_before_release(switchboard, folder, read):
    """Whatever waited in the backup is held: `status`, `check` and `release` say so."""
    switchboard("announce", "Hello", "--yes")
    switchboard("announce", "Later", "--at", "2d", "--yes")
    queue(read)
    done = switchboard("restore", backup(switchboard, folder), "--yes")
    assert "6 messages, 0 that may have left, 1 planned broadcasts" in done.stderr
    assert "held by a restore until `switchboard release`: 6" in switchboard("status", 1).stdout
    assert switchboard("status", 2).stdout.startswith("broadcast 2, held by a restore:")
    assert "holds 6 messages and 1 planned broadcasts" in switchboard("check").stdout
    queue(read)
    assert rows(folder / "switchboard.db", "SELECT DISTINCT status FROM outbox") == [("held",)]


def test_a_broadcast_that_was_being_queued(switchboard, folder, read):
    """Of one that had not reached all of its people every one is held."""
    switchboard("announce", "Hello", "--yes")
    done = switchboard("restore", backup(switchboard, folder), "--yes")
    assert "6 messages, 0 that may have left, 0 planned" in done.stderr
    queue(read)
    assert rows(folder / "switchboard.db", "SELECT status, COUNT(*) FROM outbox") == [("held", 6)]


def test_stops_since_are_carried_over(switchboard, folder, read):
    """Whoever stopped after the backup, by a phone or at the carrier, is not written to again."""
    file = backup(switchboard, folder)

    async def stop(tx):
        found = await addresses.sender(tx, "phones", "+12025550100", None)
        await tx.run("UPDATE addresses SET stopped_at = 5 WHERE id = :id", id=found.address_id)
        await members.stop(tx, found.member_id, 5)
        await tx.run("UPDATE addresses SET state = 'carrier' WHERE value = '+12025550101'")
        await tx.run("INSERT INTO barred (hash, reason, at) VALUES ('h', 'stopped', 5)")

    read(stop)
    done = switchboard("restore", file, "--yes")
    assert "from the database that it replaces: 2 phones" in done.stderr
    path = folder / "switchboard.db"
    stopped = "SELECT value FROM addresses WHERE stopped_at = 5 OR state = 'carrier' ORDER BY 1"
    assert rows(path, stopped) == [("+12025550100",), ("+12025550101",)]
    assert rows(path, "SELECT COUNT(*) FROM members WHERE stopped_at = 5") == [(1,)]
    assert rows(path, "SELECT hash FROM barred") == [("h",)]


@pytest.mark.parametrize("there", ["gone", "no database", "another program's"])
def test_stops_that_nobody_knows_are_told(switchboard, folder, there):
    """Where the database can't be read it is said plainly who will be written to again."""
    file = backup(switchboard, folder)
    path = folder / "switchboard.db"
    path.unlink()
    if there == "no database":
        path.write_bytes(b"no database" * 1_000)
    elif there == "another program's":
        rows(path, "CREATE TABLE others (x)")
    done = switchboard("restore", file, "--yes")
    assert "NOR IS ANY STOP: whoever sent one since then will be written to again" in done.stderr
    assert len(kept(folder)) == (there != "gone")
    assert "nima" in switchboard("platforms", "list").stdout


def test_a_poll_whose_time_is_over(switchboard, folder, read):
    """It is closed with the answers of the backup; its result, which may have left, is held."""
    switchboard("poll", "Which?", "--option", "A1", "--option", "B1", "--yes")
    queue(read)

    async def answered(tx):
        for member_id in range(1, 7):
            await tx.run("INSERT INTO answers (round_id, member_id, question, value, at)"
                         " VALUES (1, :id, 0, '1', 1)", id=member_id)  # fmt: skip
        await tx.run("UPDATE rounds SET closes_at = :now", now=clock() - 1)
        await tx.run("UPDATE outbox SET status = 'sent'")

    read(answered)
    done = switchboard("restore", backup(switchboard, folder), "--yes")
    assert "6 messages, 0 that may have left" in done.stderr
    assert '"closed": true' in switchboard("result", "P1", "--json").stdout
    assert "6 people, 6 segments" in switchboard("release", code=1).stderr


@pytest.mark.parametrize("damage", ["cut", "torn", "index", "empty", "text", "foreign"])
def test_a_damaged_backup_is_refused(switchboard, folder, damage):
    """A backup that isn't sound to its last page replaces nothing."""
    file = backup(switchboard, folder)
    data = file.read_bytes()
    before = (folder / "switchboard.db").read_bytes()
    if damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "torn":
        page = rows(file, "SELECT rootpage FROM sqlite_master WHERE name = 'members'")[0][0]
        file.write_bytes(data[: (page - 1) * 4_096] + b"\xff" * 4_096 + data[page * 4_096 :])
    elif damage == "index":  # one that says there is nobody
        roots = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_{}'"
        page = rows(file, roots.format("members_platform_id"))[0][0]
        none = rows(file, roots.format("tickets_member_id"))[0][0]
        data = (
            data[: (page - 1) * 4_096]
            + data[(none - 1) * 4_096 : none * 4_096]
            + data[page * 4_096 :]
        )
        file.write_bytes(data)
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "text":
        file.write_text("no database " * 1_000)
    else:
        rows(file, "UPDATE roles SET member_id = 77")
        with contextlib.closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE consents SET member_id = 77")
    done = switchboard("restore", file, "--yes", code=1)
    assert (
        "is damaged, or no database" in done.stderr or "is no backup of Switchboard" in done.stderr
    )
    assert kept(folder) == []
    assert rows(folder / "switchboard.db", "SELECT COUNT(*) FROM members") == [(6,)]
    assert len(before) == (folder / "switchboard.db").stat().st_size


@pytest.mark.parametrize(
    ("version", "says"), [("9999", "install a newer one"), (None, "is no backup of Switchboard")]
)
def test_a_backup_of_another_schema(switchboard, folder, version, says):
    """A newer one is refused, and so is a file of another program."""
    file = backup(switchboard, folder)
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
        if version:
            connection.execute("INSERT INTO alembic_version VALUES (?)", [version])
    assert says in switchboard("restore", file, "--yes", code=1).stderr
    assert kept(folder) == []


def test_restored_by_other_means(switchboard, folder, read):
    """After a snapshot of the disk was put back `hold` holds what `restore` would have held."""
    switchboard("announce", "Hello", "--yes")
    switchboard("announce", "Later", "--at", "2d", "--yes")
    held = "6 messages, 0 that may have left, 1 planned broadcasts\n"
    assert switchboard("hold").stdout == f"held until `switchboard release`: {held}"
    assert switchboard("hold").stdout == f"held until `switchboard release`: {held}"
    queue(read)
    assert rows(folder / "switchboard.db", "SELECT DISTINCT status FROM outbox") == [("held",)]
    switchboard("release", "--yes")
    assert rows(folder / "switchboard.db", "SELECT DISTINCT status FROM outbox") == [("queued",)]


def test_no_file(switchboard, folder):
    """A name that there is no file of is told, and none is made."""
    assert "there is no file" in switchboard("restore", folder / "x.db", "--yes", code=1).stderr
    assert not (folder / "x.db").exists()


def test_the_database_itself(switchboard, folder):
    """The database is no backup of itself."""
    file = folder / "switchboard.db"
    assert "that is the database itself" in switchboard("restore", file, "--yes", code=1).stderr


def test_not_while_a_server_runs(switchboard, folder):
    """A program that has the database open, idle or not, keeps it from being replaced."""
    file = backup(switchboard, folder)
    with contextlib.closing(sqlite3.connect(folder / "switchboard.db")) as server:
        server.execute("PRAGMA journal_mode = WAL")
        server.execute("SELECT COUNT(*) FROM members").fetchall()
        done = switchboard("restore", file, "--yes", code=1)
    assert "another program has the database open: stop the server first" in done.stderr
    assert kept(folder) == []


def test_it_asks_first(switchboard, folder, monkeypatch):
    """Without --yes somebody has to say so; where nobody sits there nothing happens."""
    file = backup(switchboard, folder)
    assert "nothing was replaced: add --yes" in switchboard("restore", file, code=1).stderr
    monkeypatch.setattr("bot.cli.restoring.asks", lambda: True)
    assert "nothing was replaced" in switchboard("restore", file, code=1, input="n\n").stderr
    assert kept(folder) == []
    switchboard("restore", file, input="y\n")
    assert len(kept(folder)) == 1


def test_a_backup_of_now_may_be_restored_twice(switchboard, folder, monkeypatch):
    """What a first restore holds a second one holds too, and nothing is lost of it."""
    switchboard("announce", "Hello", "--at", "2d", "--yes")
    switchboard("restore", backup(switchboard, folder), "--yes")
    switchboard("backup", folder / "second.db")
    monkeypatch.setattr("bot.cli.restoring.clock", lambda: clock() + DAY)
    done = switchboard("restore", folder / "second.db", "--yes")
    assert "1 planned broadcasts" in done.stderr
    assert switchboard("release", "--yes").stdout.endswith("1 planned broadcasts\n")
    due = "SELECT due_at, state FROM batches"
    [(due_at, state)] = rows(folder / "switchboard.db", due)
    assert state == "scheduled"
    assert due_at < clock() + 3 * DAY


def test_a_backup_under_a_write_load(switchboard, folder):
    """While others write a backup is made of one instant, and restored it is sound."""
    path = folder / "switchboard.db"
    begun, done = Event(), Event()

    async def write_on():
        database = await opening.open_database(opening.Place(path))

        async def pair(tx):
            await tx.run("INSERT INTO pace (channel) SELECT 'x' || COUNT(*) FROM pace")
            await tx.run("INSERT INTO spending (channel, month_at) SELECT 'x', COUNT(*)"
                         " FROM spending")  # fmt: skip

        while not done.is_set():
            await database.write(pair)
            begun.set()
        await database.close()

    writer = Thread(target=lambda: asyncio.run(write_on()))
    writer.start()
    begun.wait()
    try:
        files = [folder / f"{n}.db" for n in range(3)]
        for file in files:
            switchboard("backup", file)
    finally:
        done.set()
        writer.join()
    counts = "SELECT (SELECT COUNT(*) FROM pace), (SELECT COUNT(*) FROM spending)"
    for file in files:
        [(ones, others)] = rows(file, counts)
        assert ones == others > 0
        switchboard("restore", file, "--yes")
        assert rows(path, counts) == [(ones, others)]
        for aside in kept(folder):
            aside.unlink()


@pytest.fixture
def on_postgres(folder, migrated_postgres):
    """Let the configuration name an empty PostgreSQL database."""
    file = folder / "config.toml"
    text = file.read_text(encoding="utf-8")
    return lambda: file.write_text(
        f'{text}[storage]\nurl = "{migrated_postgres}"\n', encoding="utf-8"
    )


def test_into_postgres(switchboard, folder, read, on_postgres):
    """A backup of either engine fills an empty PostgreSQL database; a full one is refused."""
    switchboard("announce", "Hello", "--yes")
    queue(read)
    file = backup(switchboard, folder)
    on_postgres()
    done = switchboard("restore", file, "--yes")
    assert done.stdout == "restored: 6 members, 6 messages\n"
    assert "NOR IS ANY STOP" in done.stderr
    assert "held by a restore until `switchboard release`: 6" in switchboard("status", 1).stdout
    assert "the target isn't empty" in switchboard("restore", file, "--yes", code=1).stderr
    switchboard("backup", folder / "of-postgres.db")
    tables = [table.name for table in metadata.sorted_tables]
    counts = "SELECT " + ", ".join(f"(SELECT COUNT(*) FROM {name})" for name in tables)
    [before], [after] = rows(file, counts), rows(folder / "of-postgres.db", counts)
    grown = {name: there - here for name, here, there in zip(tables, before, after, strict=True)}
    assert {name: n for name, n in grown.items() if n and name != "rounds"} == {"audit": 1}
