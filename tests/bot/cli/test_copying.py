from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from handlers.dialog.perform import queue_next
from storage import opening
from storage.instant import clock
from storage.schema import metadata
from tests.storage.everything import fill

TABLES = len(metadata.tables)


@pytest.fixture
def use(folder):
    """Return a function that lets the configuration name another storage."""
    text = (folder / "config.toml").read_text(encoding="utf-8")

    def put(url):
        named = f'{text}[storage]\nurl = "{url}"\n'
        (folder / "config.toml").write_text(named, encoding="utf-8")

    return put


def test_there_and_back(switchboard, folder, read, use, migrated_postgres):
    """An alliance moves to PostgreSQL and back: counts and digests of every table agree."""
    read(fill)
    there = switchboard("copy", "--to", migrated_postgres)
    assert there.stdout.startswith(f"copied: {7 * TABLES} rows; counts and digests agree\n")
    assert "let no server run on the old database again" in there.stderr
    use(migrated_postgres)
    back = switchboard("copy", "--to", f"sqlite:///{folder / 'back.db'}")
    digests = [
        {
            line.split()[0]: line.split()[1:]
            for line in done.stderr.splitlines()
            if line.split()[0] in metadata.tables
        }
        for done in (there, back)
    ]
    assert len(digests[0]) == TABLES
    assert {name for name in digests[0] if digests[0][name] != digests[1][name]} == {"audit"}
    use(f"sqlite:///{folder / 'back.db'}")
    assert len(switchboard("members", "list").stdout.splitlines()) >= 1


@pytest.mark.usefixtures("alliance")
def test_it_goes_on_there(switchboard, use, migrated_postgres):
    """Commands work on the copy as they did before, and numbers go on."""
    switchboard("announce", "Hello", "--yes")
    switchboard("copy", "--to", migrated_postgres)
    use(migrated_postgres)
    assert "nima" in switchboard("platforms", "list").stdout
    assert switchboard("announce", "Hello again", "--yes").stdout == "2\n"
    assert "is sound" in switchboard("check").stdout


@pytest.mark.usefixtures("alliance")
def test_a_database_without_tables(switchboard, folder):
    """A target that has no tables yet gets them."""
    switchboard("copy", "--to", f"sqlite:///{folder / 'new.db'}")
    with closing(sqlite3.connect(folder / "new.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM members").fetchone() == (6,)
    assert (folder / "new.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("alliance")
def test_a_full_target_is_refused(switchboard, folder, migrated_postgres):
    """A target with rows in it stays as it is."""
    switchboard("copy", "--to", migrated_postgres)
    done = switchboard("copy", "--to", migrated_postgres, code=1)
    assert "the target isn't empty: it has rows in addresses, audit, " in done.stderr


@pytest.mark.parametrize("held", ["source", "target"])
def test_not_beside_a_server(switchboard, folder, held):
    """A server that runs on either of the two has to be stopped first."""
    target = folder / "new.db"
    names = {"source": folder / "switchboard.db", "target": target}
    asyncio.run(opening.migrate(opening.Place(target)))

    async def serve():
        database = await opening.open_database(opening.Place(names[held]))
        try:
            async with database.leading("serving", shared=True):
                await asyncio.to_thread(copy)
        finally:
            await database.close()

    def copy():
        done = switchboard("copy", "--to", f"sqlite:///{target}", code=1)
        assert "a server runs on the database: stop it first" in done.stderr

    asyncio.run(serve())
    switchboard("copy", "--to", f"sqlite:///{target}")


def test_the_same_database(switchboard, folder):
    """A database is not copied into itself."""
    done = switchboard("copy", "--to", f"sqlite:///{folder / 'switchboard.db'}", code=1)
    assert "that is the database itself" in done.stderr


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://x/y", "storage.url must be"),
        ("postgresql://nobody@127.0.0.1:1/none", "the database server is away"),
        ("sqlite:////no/folder/x.db", "can't open"),
    ],
)
def test_no_target(switchboard, url, says):
    """A target that can't be had is told in a line."""
    assert says in switchboard("copy", "--to", url, code=1).stderr


@pytest.mark.usefixtures("alliance")
def test_what_waits_leaves_from_the_copy(switchboard, read, folder):
    """A copy is no backup: nothing has left since, so nothing is held."""
    switchboard("announce", "Hello", "--yes")
    read(lambda tx: queue_next(tx, clock()))
    switchboard("copy", "--to", f"sqlite:///{folder / 'new.db'}")
    with closing(sqlite3.connect(folder / "new.db")) as connection:
        found = connection.execute("SELECT status, COUNT(*) FROM outbox GROUP BY 1").fetchall()
    assert found == [("queued", 6)]
