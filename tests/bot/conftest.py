"""The fixtures of every test that sends: a post office over a real database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.sqlite import migrate
from tests.bot.sending.office import Office, office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(scope="session")
def empty(tmp_path_factory) -> Path:
    """An empty database, made once."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    migrate(path)
    return path


@pytest.fixture
async def post(tmp_path, empty) -> AsyncIterator[Office]:
    """A post office with nothing in it."""
    async with office(tmp_path, empty) as found:
        yield found
