"""Databases for the tests of storage: a real SQLite file, a real PostgreSQL server."""

from __future__ import annotations

import pytest

from storage.opening import Place, open_database
from tests.storage.postgres import postgres, postgres_server

__all__ = ["database", "path", "postgres", "postgres_server"]


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
