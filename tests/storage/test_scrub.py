from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from storage import sqlite
from storage.instant import HOUR, MINUTE
from storage.sqlite.calm import Calm
from storage.sqlite.scrubbing import (
    CLEAN,
    SMALL,
    WRITTEN_ANEW,
    Scrubbing,
    marked,
    may_begin,
    scrub,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from storage.database import Tx


UNCLEAN = 1_000_000  # since long ago
NOW = 30_000_000 * MINUTE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database whose every secret was blanked, with secure_delete on."""
    found = tmp_path / "test.db"
    rolls = random.Random(1)
    with closing(sqlite3.connect(found, isolation_level=None)) as connection:
        for pragma in sqlite.PRAGMAS:
            connection.execute(pragma)
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("BEGIN")
        for row in range(1, 401):
            connection.execute("INSERT INTO t VALUES (?, ?)", (row, words(rolls, 40)))
        for _ in range(800):
            row = rolls.randint(1, 400)
            connection.execute("UPDATE t SET text = ? WHERE id = ?", (words(rolls, 200), row))
        connection.execute("COMMIT")
        connection.execute("UPDATE t SET text = ''")
    return found


def words(rolls: random.Random, most: int) -> str:
    """Return some secrets."""
    return "secret " * rolls.randint(1, most)


def secrets(path: Path) -> int:
    """Count the secrets in the file and in its log."""
    return sum(found.read_bytes().count(b"secret") for found in path.parent.glob(path.name + "*"))


def mark(path: Path, value: int | None = None) -> int:
    """Return the mark of a file, set first where one is given."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if value is not None:
            connection.execute(f"PRAGMA user_version = {value}")
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_secure_delete_alone_leaves_copies(path: Path) -> None:
    """No row holds a secret and the log is gone, yet the pages do: why there is a scrub."""
    assert not path.with_name("test.db-wal").exists()
    assert secrets(path) > 0


def test_a_marked_file_is_written_anew(path: Path) -> None:
    """After it neither the file nor its log holds what was blanked, and the rows are there."""
    mark(path, UNCLEAN)
    assert scrub(path) is True
    assert secrets(path) == 0
    assert mark(path) == CLEAN
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*), MAX(text) FROM t").fetchone() == (400, "")


def test_a_file_without_a_mark_is_left_alone(path: Path) -> None:
    """Nothing is written anew where nothing was forgotten."""
    before = secrets(path)
    assert scrub(path) is True
    assert secrets(path) == before


def test_while_somebody_reads_an_earlier_state_it_waits(path: Path) -> None:
    """It gives up at once, keeps how far it came, and goes on from there."""
    mark(path, UNCLEAN)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM t").fetchone()
        assert scrub(path) is False
        assert mark(path) == WRITTEN_ANEW
        assert scrub(path) is False
        reader.execute("COMMIT")
        assert scrub(path) is True
        assert secrets(path) == 0
    assert mark(path) == CLEAN


def test_while_somebody_writes_it_waits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program's transaction is not waited for for long."""
    monkeypatch.setattr("storage.sqlite.scrubbing.SECOND", 0.05)
    mark(path, UNCLEAN)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert scrub(path) is False
        writer.execute("COMMIT")
    assert mark(path) == UNCLEAN
    assert scrub(path) is True
    assert secrets(path) == 0


def test_a_file_that_is_no_database_is_not_tried_again(tmp_path: Path) -> None:
    """What can't be scrubbed at all is not waited for."""
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"not a database at all" * 100)
    assert scrub(broken) is True


# --- by the engine ---


async def clean(path: Path) -> None:
    """Wait until the file is scrubbed."""
    for _ in range(200):
        if mark(path) == CLEAN and secrets(path) == 0:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("not scrubbed within 4 s")


async def test_a_unit_that_asks_for_it_has_the_file_scrubbed(path: Path) -> None:
    """Soon after its commit, while the database stays open and other units run."""
    database = await sqlite.connect(path)
    await database.read(lambda tx: tx.rows("SELECT 1"))
    await database.write(lambda tx: tx.scrub())
    await clean(path)
    await database.write(lambda tx: tx.run("UPDATE t SET text = 'kept' WHERE id = 7"))
    assert await database.read(lambda tx: tx.rows("SELECT text FROM t WHERE id = 7"))
    await database.close()


async def test_a_unit_that_fails_has_nothing_scrubbed(path: Path) -> None:
    """The mark belongs to the unit: with it goes what was to be forgotten."""
    database = await sqlite.connect(path)

    async def unit(tx: Tx) -> None:
        await tx.scrub()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(unit)
    assert mark(path) == CLEAN
    await database.close()
    assert secrets(path) > 0


async def test_what_a_crash_left_is_scrubbed_by_the_next_process(path: Path) -> None:
    """The mark is in the file, so whoever opens it next does what was to be done."""
    with closing(sqlite3.connect(path, isolation_level=None)) as crashed:
        crashed.execute(f"PRAGMA user_version = {UNCLEAN}")
    database = await sqlite.connect(path)
    await database.close()
    assert secrets(path) == 0
    assert mark(path) == CLEAN


async def test_it_is_tried_again_until_the_readers_are_through(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader only delays it; units go on meanwhile, also where the program ends then."""
    monkeypatch.setattr("storage.sqlite.scrubbing.AGAIN_SECONDS", 0.02)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM t").fetchone()
        database = await sqlite.connect(path)
        await database.write(lambda tx: tx.scrub())
        for number in range(20):
            await database.write(
                lambda tx, n=number: tx.run("UPDATE t SET text = :n WHERE id = 1", n=str(n))
            )
            await asyncio.sleep(0.01)
        assert mark(path) == WRITTEN_ANEW
        closing_ = asyncio.create_task(database.close())
        await asyncio.sleep(0.1)
        assert not closing_.done()
        reader.execute("COMMIT")
        await closing_
    assert secrets(path) == 0
    assert mark(path) == CLEAN


async def test_it_is_tried_again_ever_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delay doubles up to a minute, and begins anew after a try that went well.

    After that it looks once a minute whether another process has marked the file.
    """
    results = [False] * 9 + [None, True, False]
    delays: list[float] = []
    woken: list[int] = []

    def call_later(delay: float, callback: Callable[[], None]) -> asyncio.Handle:
        delays.append(delay)
        return asyncio.get_running_loop().call_soon(callback)

    monkeypatch.setattr("storage.sqlite.scrubbing.scrub", lambda _path, _calm: results.pop(0))
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", call_later)
    scrubbing = Scrubbing(path, lambda: woken.append(1), lambda: 0.0)
    while results:
        await scrubbing.pursue()
        await asyncio.sleep(0)  # what was to be called later is called now, and makes it due
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 0.25]
    assert len(woken) == len(delays)


async def test_one_reminder_is_enough(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many units ask while it has to wait, it is due again once; none after the end."""
    monkeypatch.setattr("storage.sqlite.scrubbing.AGAIN_SECONDS", 0.01)
    monkeypatch.setattr("storage.sqlite.scrubbing.AGAIN_MOST_SECONDS", 0.01)
    monkeypatch.setattr("storage.sqlite.scrubbing.scrub", lambda _path, _calm: False)
    woken: list[int] = []
    scrubbing = Scrubbing(path, lambda: woken.append(1), lambda: 0.0)
    for _ in range(5):
        scrubbing.ask()
        await scrubbing.pursue()
    await asyncio.sleep(0.05)
    assert len(woken) == 1
    scrubbing.ask()
    await scrubbing.pursue()
    scrubbing.stop()
    await asyncio.sleep(0.05)
    assert len(woken) == 1


# --- large files ---


@pytest.mark.parametrize(
    ("size", "waited", "calm", "may"),
    [
        (SMALL, 0, 0, True),
        (SMALL + 1, 0, 0, False),
        (SMALL + 1, 0, 31, True),
        (2_000_000_000, 0, 19 * 60, False),
        (2_000_000_000, 0, 20 * 60, True),
        (2_000_000_000, 24 * HOUR - 1, 0, False),
        (2_000_000_000, 24 * HOUR, 0, True),
    ],
)
def test_a_large_file_waits_for_a_calm_hour(size: int, waited: int, calm: float, may: bool) -> None:
    """The longer it holds up the writer, the longer that has had little to do; a day at most."""
    assert may_begin(size, waited, calm) is may


def test_the_first_mark_stands() -> None:
    """However often a file is marked, it waits a day from the first time on."""
    since = marked(CLEAN, NOW)
    assert since == NOW // MINUTE
    assert marked(since, NOW + 9 * HOUR) == since
    assert marked(WRITTEN_ANEW, NOW + 9 * HOUR) == since + 9 * 60


def test_a_large_file_keeps_its_mark_while_it_waits(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is written anew before, and all of it then."""
    monkeypatch.setattr("storage.sqlite.scrubbing.SMALL", 1_000)
    monkeypatch.setattr("storage.sqlite.scrubbing.clock", lambda: NOW)
    mark(path, NOW // MINUTE)
    before = secrets(path)
    assert scrub(path, calm=0.0) is None
    assert (secrets(path), mark(path)) == (before, NOW // MINUTE)
    assert scrub(path, calm=60.0) is True
    assert (secrets(path), mark(path)) == (0, CLEAN)


async def test_nobody_waits_at_the_end_for_a_calm_hour(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that ends leaves a large file marked, for whoever opens it next."""
    monkeypatch.setattr("storage.sqlite.scrubbing.SMALL", 1_000)
    database = await sqlite.connect(path)
    await database.write(lambda tx: tx.scrub())
    began = asyncio.get_running_loop().time()
    await database.close()
    assert asyncio.get_running_loop().time() - began < 2
    assert mark(path) > WRITTEN_ANEW


async def test_what_another_process_marked_is_scrubbed_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server looks now and then, whoever closed the poll."""
    monkeypatch.setattr("storage.sqlite.scrubbing.AGAIN_MOST_SECONDS", 0.02)
    database = await sqlite.connect(path)
    await database.write(lambda tx: tx.run("UPDATE t SET text = 'kept' WHERE id = 7"))
    mark(path, UNCLEAN)
    await clean(path)
    await database.close()


def test_little_to_do_is_calm() -> None:
    """What the clock's own jobs take disturbs nothing; a twentieth of a second's work does."""
    now = [0.0]
    calm = Calm(lambda: now[0])
    for _ in range(100):
        now[0] += 0.25
        calm.worked(0.01)
    assert calm.seconds() == 25.0
    for _ in range(4):
        now[0] += 0.25
        calm.worked(0.03)
    now[0] += 7.0
    assert 7.0 <= calm.seconds() < 8.0
