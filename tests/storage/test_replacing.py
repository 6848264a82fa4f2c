from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys

import pytest

from storage import backups
from storage.errors import Conflict, DiskFull, StorageError
from storage.opening import Place
from storage.sqlite import replacing

OPEN = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("SELECT * FROM words").fetchall()
print("open", flush=True)
sys.stdin.read()
"""

# Writes over a file, and waits in the middle of it.
REPLACE = """
import sys
from pathlib import Path
from storage.sqlite import replacing

path, copy, kept = map(Path, sys.argv[1:])

def wait(done, total):
    if total > 1_000 and done > 2_000:
        print("half", flush=True)
        sys.stdin.read()

with replacing.alone(path) as held:
    replacing.replace(held, path, copy, kept, wait)
"""


def ignore(_done, _total):
    """Show no progress."""


def lay(path, word, *, pages=1):
    """Make a database with a log, and one word in it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE words (word TEXT, rest BLOB)")
        connection.execute("INSERT INTO words VALUES (?, zeroblob(?))", [word, 4_096 * pages])
        connection.commit()
    return path


def words(path):
    """Return the words of a database."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM words")]


@pytest.fixture
def files(tmp_path):
    """Return the path of a database, of a copy, and of where the first is kept."""
    copy = lay(tmp_path / "new", "new", pages=600)
    return lay(tmp_path / "old.db", "old", pages=40), copy, tmp_path / "kept"


def put(path, copy, kept):
    """Put the copy in the database's place."""
    with replacing.alone(path) as held:
        return replacing.replace(held, path, copy, kept, ignore)


def test_a_copy_takes_the_place(files):
    """What was there is kept for its owner alone, and a single file is left."""
    path, _, kept = files
    assert put(*files)
    assert words(path) == ["new"]
    assert words(kept) == ["old"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.glob("old.db*")] == ["old.db"]


def test_who_waits_finds_the_new_one(files):
    """A program that has opened the file by its name, and waits, is not left with the old one."""
    path, copy, kept = files
    with contextlib.closing(sqlite3.connect(path, timeout=0)) as waiting:
        with replacing.alone(path) as held:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                waiting.execute("SELECT word FROM words")
            replacing.replace(held, path, copy, kept, ignore)
        assert waiting.execute("SELECT word FROM words").fetchall() == [("new",)]


def test_a_program_that_has_it_open(files):
    """An idle server, too, keeps a file from being had alone."""
    path, _, _ = files
    command = [sys.executable, "-c", OPEN, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"open\n"
        with pytest.raises(Conflict, match="stop the server first"), replacing.alone(path):
            pass
        server.communicate()
    with replacing.alone(path) as held:
        assert held is not None


@pytest.mark.parametrize("at", [1, 2])
def test_half_way_nothing_is_replaced(files, at):
    """An error, while the old is laid aside or the new is put, leaves the old in its place."""
    path, copy, kept = files
    calls = 0

    def fail(_done, _total):
        nonlocal calls
        calls += 1
        if calls == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), replacing.alone(path) as held:
        replacing.replace(held, path, copy, kept, fail)
    assert words(path) == ["old"]
    assert not kept.exists()


def test_killed_half_way(files, tmp_path):
    """Whoever opens the file after a crash finds the old one, whole."""
    path, _, kept = files
    copy = lay(tmp_path / "big", "big", pages=3_000)
    before = path.stat().st_size
    command = [sys.executable, "-c", REPLACE, path, copy, kept]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"half\n"
        program.kill()
    assert path.stat().st_size > before  # pages of the new one are in it by now
    assert words(path) == ["old"]
    assert path.stat().st_size == before
    assert put(path, copy, tmp_path / "kept again")
    assert words(path) == ["big"]


@pytest.mark.parametrize("damage", ["no database" * 500, "", "torn"])
def test_a_damaged_file_is_replaced_too(files, damage):
    """It is what one restores for: whatever is there is kept as it is."""
    path, copy, kept = files
    if damage == "torn":
        path.write_bytes(path.read_bytes()[: 5 * 4_096])
    else:
        path.write_text(damage)
    assert put(path, copy, kept)
    assert words(path) == ["new"]
    assert kept.exists()


@pytest.mark.parametrize(
    ("code", "replaced"), [(sqlite3.SQLITE_CORRUPT, True), (sqlite3.SQLITE_FULL, False)]
)
def test_an_error_while_it_is_laid_aside(files, monkeypatch, code, replaced):
    """A page that can't be read is no reason to keep the file; a full disk is."""
    path, copy, kept = files

    def fail(*_args):
        error = sqlite3.DatabaseError("no")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(replacing, "_pages", fail)
    if replaced:
        assert put(path, copy, kept)
        assert words(kept) == ["old"]
    else:
        with pytest.raises(DiskFull):
            put(path, copy, kept)
        assert not kept.exists()
    assert words(path) == ["new" if replaced else "old"]


def test_nothing_is_there_yet(files, tmp_path):
    """On a new machine there is nothing to keep."""
    _, copy, kept = files
    assert not put(tmp_path / "fresh.db", copy, kept)
    assert words(tmp_path / "fresh.db") == ["new"]
    assert not kept.exists()


def test_what_is_kept_replaces_nothing(files):
    """Two restores in one second do not lose what the first one kept."""
    path, _, kept = files
    kept.write_text("earlier")
    with pytest.raises(StorageError, match="File exists"):
        put(*files)
    assert kept.read_text() == "earlier"
    assert words(path) == ["old"]


async def test_alone_names_what_it_keeps(files):
    """The name says when it was replaced."""
    path, copy, _ = files
    async with backups.alone(Place(path), 1_800_000_000_000) as room:
        assert room.carry(copy) is None
        kept = await room.put(copy, ignore)
    assert kept == path.with_name("old.db.replaced-20270115-080000")
    assert words(kept) == ["old"]
