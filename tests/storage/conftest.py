"""Databases for the tests of storage: a real SQLite file, a real PostgreSQL server."""

from __future__ import annotations

import pytest

from storage.opening import Place, open_database
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
]


@pytest.fixture
def path(tmp_path):
    """Where the test's SQLite file lies."""
    return tmp_path / "switchboard.db"


@pytest.fixture
async def database(path):
    """Open a migrated SQLite database."""
    found = await open_database(Place(path))
    yield found
    await found.close()
