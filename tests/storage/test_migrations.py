"""The migrations make what storage/schema.py says, word for word, and nothing half."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from storage import migrations, opening
from storage.errors import Busy, Corrupt, StorageError, WrongSchema
from storage.migrations import HEAD
from storage.sqlite import migrating
from tests.storage.dump_schema import statements

FREEZE = "schema.py has changed: run `python -m tests.storage.dump_schema`"

POSTGRES_DUMP = [
    "SELECT * FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 3, 5",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    """SELECT proname, pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace ORDER BY 1""",
]


def config(**attributes):
    """Return Alembic's configuration, as storage/opening.py makes it."""
    found = Config()
    found.set_main_option("script_location", str(Path(migrations.__file__).parent))
    found.attributes.update(attributes)
    return found


def dump(path):
    """Return the text of every table, index and trigger of a SQLite file, by kind and name."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {
            (kind, name): " ".join((text or "").split())
            for kind, name, text in connection.execute("SELECT type, name, sql FROM sqlite_master")
            if "alembic_version" not in name
        }


def from_schema(path):
    """Make a SQLite file straight from schema.py."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in statements("sqlite"):
            connection.execute(statement)


def put_version(path, version):
    """Let a file say that its schema is another."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [version])
        connection.commit()


def test_the_migrations_make_the_schema_on_sqlite(tmp_path, path):
    """An empty file, upgraded, has the tables, checks, indexes and triggers of schema.py."""
    assert migrating.migrate(path)
    from_schema(tmp_path / "schema.db")
    found, expected = dump(path), dump(tmp_path / "schema.db")
    assert {kind for kind, _ in expected} == {"table", "index", "trigger"}
    assert found == expected, FREEZE


async def test_the_migrations_make_the_schema_on_postgresql(postgres):
    """The same on PostgreSQL, by its own catalogues."""
    script = io.StringIO()
    settings = config(engine="postgresql")
    settings.output_buffer = script
    command.upgrade(settings, "head", sql=True)

    async def dumped():
        return [[tuple(row) for row in await postgres.fetch(query)] for query in POSTGRES_DUMP]

    await postgres.execute(script.getvalue())
    assert await postgres.fetchval("SELECT version_num FROM alembic_version") == HEAD
    await postgres.execute("DROP TABLE alembic_version")
    found = await dumped()
    await postgres.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    for statement in statements("postgresql"):
        await postgres.execute(statement)
    expected = await dumped()
    assert all(expected)
    assert found == expected, FREEZE


def test_the_program_knows_the_newest_migration():
    """HEAD, by which a start sees without Alembic that nothing is due, is the scripts' head."""
    assert ScriptDirectory.from_config(config()).get_heads() == [HEAD]


def test_a_file_is_migrated_once(path):
    """What is up to date is left as it is, and no copy is laid aside of an empty file."""
    assert migrating.version(path) is None
    assert migrating.migrate(path)
    assert migrating.version(path) == HEAD
    assert not migrating.migrate(path)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_newer_schema_is_refused(path):
    """A file of a newer program is neither opened nor changed."""
    migrating.migrate(path)
    put_version(path, "9999")
    before = path.read_bytes()
    with pytest.raises(WrongSchema, match="9999"):
        await opening.open_database(opening.Place(path))
    assert path.read_bytes() == before


async def test_what_was_not_set_up_is_not_set_up_in_passing(path):
    """A command that only looks at the data makes no database."""
    with pytest.raises(WrongSchema, match="switchboard migrate"):
        await opening.open_database(opening.Place(path), migrating=False)
    assert not path.exists()


def test_a_copy_is_laid_aside_before_a_migration(path, monkeypatch):
    """The copy has all that was committed, the log's part too, and only its owner can read it."""
    migrating.migrate(path)
    put_version(path, "0000")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO pace (channel) VALUES ('sms')")
    assert path.with_name(path.name + "-wal").stat().st_size
    monkeypatch.setattr(migrating, "_upgrade", lambda path: put_version(path, HEAD))
    assert migrating.migrate(path)
    writer.close()
    copy = path.with_name(f"{path.name}.before-{HEAD}")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert migrating.version(copy) == "0000"
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT channel FROM pace").fetchall() == [("sms",)]


def test_a_migration_that_fails_leaves_nothing_half(path):
    """All changes of the schema are one transaction: what stood before stands after."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE rounds (id INTEGER)")
    before = dump(path)
    with pytest.raises(StorageError):
        migrating.migrate(path)
    assert dump(path) == before


def test_a_migration_waits_for_a_lock_and_says_so(path, monkeypatch):
    """A file that another program holds is Busy, not broken."""
    monkeypatch.setattr("storage.sqlite.BUSY_SECONDS", 0.05)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            migrating.migrate(path)


def test_a_file_that_is_no_database_is_corrupt(path):
    """Whatever else lies there is left alone."""
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    before = path.read_bytes()
    with pytest.raises(Corrupt):
        migrating.migrate(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("there", "imported"), [(True, False), (False, True)])
def test_alembic_is_imported_only_to_migrate(path, there, imported):
    """A start on an up-to-date file pays for neither Alembic nor SQLAlchemy."""
    if there:
        migrating.migrate(path)
    program = f"""
import asyncio, json, pathlib, sys
from storage.opening import Place, open_database
async def main():
    database = await open_database(Place(pathlib.Path({str(path)!r})))
    await database.close()
asyncio.run(main())
print(json.dumps([name in sys.modules for name in ("alembic", "sqlalchemy")]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == [imported, imported]
