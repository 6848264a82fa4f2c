"""Databases for the tests of storage: a real SQLite file, a real PostgreSQL server."""

from __future__ import annotations

import pytest

from storage.opening import Place, Server, open_database
from tests.storage.postgres import (
    databases,
    migrated_postgres,
    postgres,
    postgres_server,
    postgres_template,
)

__all__ = [
    "database",
    "databases",
    "migrated_postgres",
    "path",
    "postgres",
    "postgres_server",
    "postgres_template",
    "where",
]


ENGINES = ("sqlite", "postgresql")


@pytest.fixture
def path(tmp_path):
    """Where the test's SQLite file lies."""
    return tmp_path / "switchboard.db"


def pytest_generate_tests(metafunc):
    """Run a test on both engines, but for one of something that only SQLite has."""
    if "where" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("sqlite_only")
        metafunc.parametrize("where", ENGINES[:1] if only else ENGINES, indirect=True)


@pytest.fixture
def where(request, path):
    """Where the test's data lies: in a file, or on a server."""
    if request.param == "sqlite":
        return Place(path)
    return Server(request.getfixturevalue("migrated_postgres"))


@pytest.fixture
async def database(where):
    """Open a database with every table."""
    found = await open_database(where)
    yield found
    await found.close()
