"""The post office of the tests of sending: over each of the two engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bot.sending.office import Office, office, over
from tests.storage.postgres import Databases, databases, postgres_server, postgres_template

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["databases", "postgres_server", "postgres_template"]


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request) -> Databases | None:
    """Where databases of a server are made; None lets the test have a file."""
    return None if request.param == "sqlite" else request.getfixturevalue("databases")


@pytest.fixture
async def post(server: Databases | None, tmp_path: Path, empty: Path) -> AsyncIterator[Office]:
    """A post office with nothing in it, over each engine."""
    if server is None:
        async with office(tmp_path, empty) as found:
            yield found
    else:
        async with over(await server.url(""), tmp_path) as found:
            yield found
