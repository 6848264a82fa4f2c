from __future__ import annotations

import sqlite3
import stat

import pytest

from storage.migrations import HEAD


def test_migrate_makes_the_database(switchboard, folder):
    """Where there is no database it is made, for its owner alone; a second time changes nothing."""
    database = folder / "switchboard.db"
    database.unlink()
    assert switchboard("migrate").stdout == f"schema {HEAD}\n"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert switchboard("migrate").stdout == f"schema {HEAD} already\n"


def test_other_commands_make_it_too(switchboard, folder):
    """The first command of a new alliance need not be migrate."""
    (folder / "switchboard.db").unlink()
    switchboard("platforms", "add", "accra", "Accra")
    assert switchboard("platforms", "list").stdout == "accra: Accra\n"


def set_version(folder, version):
    """Let the database's schema have another version."""
    connection = sqlite3.connect(folder / "switchboard.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [version])
    connection.close()


@pytest.mark.parametrize(
    ("args", "version", "says"),
    [
        (["platforms", "list"], "0000", "run `switchboard migrate`"),
        (["platforms", "list"], "9999", "install a newer one"),
        (["migrate"], "9999", "install a newer one"),
    ],
)
def test_another_schema_is_refused(switchboard, folder, args, version, says):
    """Beside a server nothing is migrated by the way, and a newer schema never touched."""
    set_version(folder, version)
    assert says in switchboard(*args, code=1).stderr


def test_a_backup_can_be_opened(switchboard, folder):
    """A backup holds everything, is its owner's alone, and replaces nothing."""
    switchboard("platforms", "add", "accra", "Accra")
    target = folder / "copy.db"
    assert switchboard("backup", target).stdout.startswith(f"{target}: ")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    connection = sqlite3.connect(target)
    assert connection.execute("SELECT code FROM platforms").fetchall() == [("accra",)]
    connection.close()
    assert "is there already" in switchboard("backup", target, code=1).stderr


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
def test_a_backup_is_not_laid_where_sqlite_looks_for_its_own(switchboard, folder, ending):
    """Beside the database some names mean something: a copy there would lock everybody out."""
    target = folder / f"switchboard.db{ending}"
    assert "keeps for itself" in switchboard("backup", target, code=1).stderr
    assert not target.with_name(f"{target.name}.part").exists()
    switchboard("platforms", "add", "accra", "Accra")


def test_a_backup_of_nothing(switchboard, folder):
    """A wrong path in the settings makes no empty backup."""
    (folder / "switchboard.db").unlink()
    result = switchboard("backup", folder / "copy.db", code=1)
    assert "there is no database" in result.stderr
    assert list(folder.glob("*.db")) == []


def test_a_backup_to_nowhere(switchboard, folder):
    """A folder that there is none of is told in a line."""
    result = switchboard("backup", folder / "no" / "copy.db", code=1)
    assert "No such file or directory" in result.stderr


@pytest.mark.parametrize("url", ["sqlite:///no/folder.db", "sqlite:///config.toml/x.db"])
def test_a_database_that_can_not_be_made(switchboard, folder, url):
    """A folder that is not there, or is none, is told in a line."""
    text = (folder / "config.toml").read_text(encoding="utf-8")
    (folder / "config.toml").write_text(f'{text}[storage]\nurl = "{url}"\n', encoding="utf-8")
    for command in (["migrate"], ["platforms", "list"]):
        assert "can't open" in switchboard(*command, code=1).stderr


def test_a_damaged_database(switchboard, folder):
    """A file that is no database is not touched."""
    (folder / "switchboard.db").write_bytes(b"not a database" * 1000)
    result = switchboard("members", "list", code=1)
    assert "the database file is damaged: restore a backup" in result.stderr
