"""Readers, listeners, copies and what lies on the disk: all beside the writer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from storage import sqlite
from storage.errors import Conflict, Corrupt, StorageError
from storage.sqlite.listeners import WATCH_SECONDS
from storage.sqlite.readers import READERS

NOBODY = 65534
MARKER = "the-word-that-was-forgotten"


@pytest.fixture
async def db(path):
    """Open a file with a table of the test's own."""
    found = await sqlite.connect(path)
    await found.write(
        lambda tx: tx.run("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    )
    yield found
    await found.close()


async def add(db, body="a", topic="outbox"):
    """Add a note and tell of it."""

    async def unit(tx):
        await tx.run("INSERT INTO note (body) VALUES (:body)", body=body)
        await tx.notify(topic)

    await db.write(unit)


async def counted(tx):
    """Count the notes."""
    return (await tx.row("SELECT COUNT(*) FROM note"))[0]


async def until(condition, seconds=5):
    """Wait until a condition holds, and return how long that took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it did not come true"
        await asyncio.sleep(0.005)
    return time.monotonic() - start


# --- readers ---


async def test_a_reader_sees_one_state(db):
    """What is committed while it reads is not there for it, and is for the next."""

    async def twice(tx):
        before = await counted(tx)
        await add(db)
        return before, await counted(tx)

    assert await db.read(twice) == (0, 0)
    assert await db.read(counted) == 1


@pytest.mark.parametrize(
    "statement", ["INSERT INTO note (body) VALUES ('x')", "CREATE TABLE other (id INTEGER)"]
)
async def test_a_reader_can_not_write(db, statement):
    """A unit that was to read alone is refused what it writes."""
    with pytest.raises(StorageError, match="can't be written"):
        await db.read(lambda tx: tx.run(statement))
    assert await db.read(counted) == 0


async def test_several_read_at_once(db):
    """As many as there are readers are inside together; the next waits for its turn."""
    inside, go_on = [], asyncio.Event()

    async def slow(tx):
        inside.append(await counted(tx))
        await go_on.wait()

    reads = [asyncio.create_task(db.read(slow)) for _ in range(READERS + 1)]
    await until(lambda: len(inside) == READERS)
    await add(db)
    assert len(inside) == READERS
    go_on.set()
    await asyncio.gather(*reads)
    assert inside == [0] * READERS + [1]


async def test_a_reader_that_can_not_be_opened_takes_no_turn(db, monkeypatch):
    """However often it fails, those who come later read."""

    async def refused(*args, **named):
        raise StorageError("no")

    with monkeypatch.context() as patch:
        patch.setattr("storage.sqlite.readers.opened", refused)
        for _ in range(READERS + 1):
            with pytest.raises(StorageError):
                await db.read(counted)
    assert await asyncio.wait_for(db.read(counted), 5) == 0


async def test_a_reader_is_fit_again_after_whatever_happened(db):
    """A unit that fails or is cancelled, in a statement too, leaves no snapshot behind."""

    async def fails(tx):
        await counted(tx)
        raise KeyError

    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
    for _ in range(READERS):
        with pytest.raises(KeyError):
            await db.read(fails)
        with pytest.raises(StorageError):
            await db.read(lambda tx: tx.rows("SELECT nothing FROM nowhere"))
        read = asyncio.create_task(db.read(lambda tx: tx.rows(f"{query} SELECT SUM(i) FROM n")))
        await asyncio.sleep(0.01)
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
    await add(db)
    assert await asyncio.gather(*(db.read(counted) for _ in range(9))) == [1] * 9


# --- listeners ---


async def test_listeners_are_told_after_the_commit(db, path):
    """When a listener hears of it, another program can see it."""
    seen = []

    def heard(topic):
        with contextlib.closing(sqlite3.connect(path)) as other:
            seen.append((topic, other.execute("SELECT COUNT(*) FROM note").fetchone()[0]))

    db.listen(heard)
    await add(db)
    await add(db, topic="gate")
    assert seen == [("outbox", 1), ("gate", 2)]


async def test_what_failed_is_not_told(db):
    """A unit that is undone tells nobody, though its neighbours do."""
    heard = []
    db.listen(heard.append)

    async def fails(tx):
        await tx.notify("gate")
        raise KeyError

    await asyncio.gather(add(db), db.write(fails), add(db), return_exceptions=True)
    assert heard == ["outbox"]


async def test_a_listener_that_fails_stops_nobody(db):
    """The others hear, and the writer goes on."""
    heard = []
    db.listen(lambda _topic: heard[9])
    db.listen(heard.append)
    await add(db)
    await add(db)
    assert heard == ["outbox", "outbox"]


OTHER = "INSERT INTO note (body) VALUES ('from elsewhere')"


async def test_another_program_s_commit_is_heard(db, path):
    """Within a quarter of a second, and every topic is told, since it can't be known which."""
    heard = []
    db.listen(heard.append)
    await until(lambda: db._listeners._version)
    program = (
        f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute({OTHER!r}); c.commit()"
    )
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=True, timeout=60)
    # The machine may be busy: twice the time, and still far from the sender's own second.
    assert await until(lambda: heard) < 2 * WATCH_SECONDS
    assert sorted(heard) == ["gate", "outbox"]


async def test_one_s_own_commit_is_told_once(db):
    """Watching for others' commits does not see one's own."""
    heard = []
    db.listen(heard.append)
    await until(lambda: db._listeners._version)
    await add(db)
    await asyncio.sleep(2 * WATCH_SECONDS)
    assert heard == ["outbox"]


async def test_watching_goes_on_after_an_error(db, path, monkeypatch):
    """A look that fails is followed by another."""
    monkeypatch.setattr("storage.sqlite.listeners.WATCH_SECONDS", 0.01)
    monkeypatch.setattr("storage.sqlite.listeners.WATCH_AGAIN_SECONDS", 0.01)
    heard, failures, look = [], [], db._writer.version

    async def fails_at_first():
        if len(failures) < 3:
            failures.append(1)
            raise sqlite3.OperationalError("disk I/O error")
        return await look()

    monkeypatch.setattr(db._writer, "version", fails_at_first)
    db.listen(heard.append)
    await until(lambda: db._listeners._version)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute(OTHER)
        other.commit()
    await until(lambda: heard)
    assert len(failures) == 3


# --- backups ---


async def test_a_backup_is_made_while_others_write(db, path, tmp_path):
    """It is one state of the database, sound, and for its owner's eyes alone."""
    many = [{"body": "x" * 3_000} for _ in range(4_000)]
    await db.write(lambda tx: tx.many("INSERT INTO note (body) VALUES (:body)", many))
    told, done = [], asyncio.Event()

    async def writing():
        while not done.is_set():
            await add(db, "y" * 3_000)

    async def pair(tx):
        await tx.run("INSERT INTO note (body) VALUES ('left')")
        await tx.run("INSERT INTO note (body) VALUES ('right')")

    async def pairs():
        while not done.is_set():
            await db.write(pair)

    writers = [asyncio.create_task(writing()), asyncio.create_task(pairs())]
    target = tmp_path / "copy.db"

    def progress(pages, of):
        told.append((pages, of))
        time.sleep(0.005)  # the backup's own thread: so that commits come in between

    await db.backup(target, progress)
    done.set()
    await asyncio.gather(*writers)
    assert told == sorted(told)
    assert len({of for _, of in told}) == 1
    assert told[-1][0] == told[-1][1]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with contextlib.closing(sqlite3.connect(target)) as copy:
        assert copy.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        left, right, notes = (
            copy.execute(f"SELECT COUNT(*) FROM note WHERE {which}").fetchone()[0]
            for which in ("body = 'left'", "body = 'right'", "body LIKE 'x%'")
        )
    assert left == right
    assert notes == 4_000
    assert await db.read(counted) > notes
    assert {found.name for found in tmp_path.iterdir()} <= {
        "copy.db", path.name, f"{path.name}-wal", f"{path.name}-shm"
    }  # fmt: skip


async def test_a_backup_overwrites_nothing(db, tmp_path):
    """What lies there already is left alone."""
    target = tmp_path / "copy.db"
    target.write_text("mine")
    with pytest.raises(Conflict):
        await db.backup(target, lambda _done, _total: None)
    assert target.read_text() == "mine"


async def test_a_backup_that_can_not_be_written_says_so(db, tmp_path):
    """A folder that is not there is told in one line."""
    with pytest.raises(StorageError, match="can't write"):
        await db.backup(tmp_path / "nowhere" / "copy.db", lambda _done, _total: None)


async def test_a_backup_broken_off_leaves_nothing(db, path, tmp_path):
    """Whether its caller is cancelled or its progress fails, no half a copy stays."""
    many = [{"body": "x" * 3_000} for _ in range(4_000)]
    await db.write(lambda tx: tx.many("INSERT INTO note (body) VALUES (:body)", many))
    target, begun = tmp_path / "copy.db", []

    def slow(done, total):
        begun.append(done)
        time.sleep(0.01)

    backup = asyncio.create_task(db.backup(target, slow))
    await until(lambda: begun)
    backup.cancel()
    with pytest.raises(asyncio.CancelledError):
        await backup
    await until(lambda: not target.with_name("copy.db.part").exists())

    with pytest.raises(ZeroDivisionError):
        await db.backup(target, lambda _done, _total: 1 / 0)
    await db.read(counted)
    assert not [found for found in tmp_path.iterdir() if found.name.startswith("copy")]


@pytest.mark.sqlite_only
async def test_a_backup_of_a_damaged_file_is_refused(database, path, tmp_path):
    """A copy that could not be restored is not called a backup."""
    await database.close()
    with path.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xff" * 4096)
    again = await sqlite.connect(path)
    with pytest.raises(Corrupt):
        await again.backup(tmp_path / "copy.db", lambda _done, _total: None)
    await again.close()
    assert not (tmp_path / "copy.db").exists()


# --- what lies on the disk ---


async def test_only_the_owner_can_read_the_files(path):
    """The database, its log and its index, whatever the mask, and one made wider before."""
    path.touch(mode=0o644)
    mask = os.umask(0)
    try:
        db = await sqlite.connect(path)
        await db.write(lambda tx: tx.run("CREATE TABLE note (id INTEGER PRIMARY KEY)"))
        await db.read(counted)
        files = sorted(path.parent.glob(f"{path.name}*"))
        assert [found.name for found in files] == [
            path.name, f"{path.name}-shm", f"{path.name}-wal"
        ]  # fmt: skip
        assert {stat.S_IMODE(found.stat().st_mode) for found in files} == {0o600}
        await db.close()
    finally:
        os.umask(mask)


SET = {
    "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1,
    "secure_delete": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", SET)
async def test_every_connection_is_set_up(db, name):
    """What keeps the data whole, and forgotten words forgotten, is on for all of them."""
    for ask in (db.read, db.write):
        assert (await ask(lambda tx: tx.row(f"PRAGMA {name}")))[0] == SET[name]
    assert (await db.read(lambda tx: tx.row("PRAGMA query_only")))[0] == 1


async def test_foreign_keys_are_enforced(database):
    """A row can't refer to a member who is not there."""
    with pytest.raises(Conflict):
        await database.write(
            lambda tx: tx.run("INSERT INTO tickets (member_id, created_at) VALUES (99, 1)")
        )


async def test_deleted_words_are_overwritten(db, path):
    """Once the log is written back, what was deleted is in no byte of the files."""
    for i in range(50):
        await add(db, f"{MARKER} {i}")
    files = [path, path.with_name(f"{path.name}-wal")]

    def found():
        return [file.name for file in files if MARKER.encode() in file.read_bytes()]

    await db.write(lambda tx: tx.run("DELETE FROM note"))
    assert found()
    await db._writer.connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
    assert found() == []


@contextlib.contextmanager
def read_only(folder):
    """Let nothing in a folder be written by this process: root, whom no mode stops, is another."""
    root = not os.geteuid()
    folder.chmod(0o555)
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.parametrize("there", [True, False])
async def test_what_can_not_be_written_says_so(there):
    """A file or a folder that the program may not write to is named in one line."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "switchboard.db"
        if there:
            path.touch(mode=0o444)
        with (
            read_only(path.parent),
            pytest.raises(StorageError, match=r"can't open .*Permission denied"),
        ):
            await sqlite.connect(path)


async def test_a_file_that_turns_read_only_says_so(db):
    """A unit that can't write is refused, and reading goes on."""
    await add(db)
    await db._writer.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="permissions"):
        await add(db)
    assert await db.read(counted) == 1
