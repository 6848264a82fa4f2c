"""The command line over a real SQLite file, for each test a fresh copy of an empty one."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from click.testing import CliRunner

from bot.cli import cli
from storage import opening
from tests.storage.postgres import (
    databases,
    migrated_postgres,
    postgres_server,
    postgres_template,
)

__all__ = ["databases", "migrated_postgres", "postgres_server", "postgres_template"]

CONFIG = """\
[alliance]
name = "Accra Alliance"
timezone = "Africa/Accra"
languages = ["en", "es"]
country = "US"

[channels.phones]
driver = "simulator"

[manners]
quiet = ""
per_day = 0
per_week = 0
"""


@pytest.fixture(autouse=True)
def _logs_as_they_are(monkeypatch):
    """Leave the logs alone: they would go on writing to a test's closed stderr."""
    monkeypatch.setattr("bot.logs.configure", lambda: None)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """Return a database with its tables and nothing in them."""
    path = tmp_path_factory.mktemp("empty") / "switchboard.db"
    asyncio.run(opening.migrate(opening.Place(path)))
    return path


@pytest.fixture
def folder(tmp_path, empty_database):
    """Return a folder with a configuration and an empty database."""
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    shutil.copy(empty_database, tmp_path / "switchboard.db")
    return tmp_path


@pytest.fixture
def switchboard(folder):
    """Return a function that runs a command with the folder's configuration.

    It fails the test where the exit code is another than `code`, and where a failure says
    more or less than one line on stderr, its preview and bad lines aside.
    """

    def run(*args, code=0, **named):
        given = [*map(str, args), "-c", str(folder / "config.toml")]
        result = CliRunner().invoke(cli, given, **named)
        assert result.exit_code == code, result.output
        if code:
            lines = result.stderr.splitlines()
            assert [line.startswith("switchboard: ") for line in lines].count(True) == 1
            assert lines[-1].startswith("switchboard: ")
            assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def read(folder):
    """Return a function that runs a unit of work on the folder's database."""

    def run(unit):
        async def act():
            database = await opening.open_database(opening.Place(folder / "switchboard.db"))
            try:
                return await database.write(unit)
            finally:
                await database.close()

        return asyncio.run(act())

    return run


@pytest.fixture
def alliance(switchboard, folder):
    """Fill the database: a city, a neighbourhood, and six members in all."""
    switchboard("platforms", "add", "accra", "Accra", "--level", "city")
    switchboard("platforms", "add", "nima", "Nima", "--parent", "accra")
    rows = [
        "phone,consent,platform,type,language",
        *(f"+12025550{n},yes,nima,water_users,en" for n in (100, 101, 102, 103)),
        "+12025550104,yes,accra,donor,es",
        "+12025550105,yes,accra,media,en",
    ]
    (folder / "all.csv").write_text("\n".join(rows), encoding="utf-8")
    switchboard("members", "import", folder / "all.csv")
