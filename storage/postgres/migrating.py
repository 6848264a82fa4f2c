"""The schema of a PostgreSQL database: which one it has, and how it is brought up to date."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

import asyncpg

from storage.errors import BadConfig
from storage.migrations import HEAD, is_due, script
from storage.postgres.connections import options
from storage.postgres.errors import DRIVER, ours
from storage.postgres.tx import lock_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_KNOWN = "SELECT to_regclass('alembic_version') IS NOT NULL"
_VERSION = "SELECT version_num FROM alembic_version"


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Have a connection within the block. Raises BadConfig, StorageError."""
    try:
        try:
            connection = await asyncpg.connect(**options(url))
        except ValueError as error:  # the driver's word for an address, and variables, of no sense
            raise BadConfig("storage.url, or a PG... variable, names no database server") from error
        try:
            yield connection
        finally:
            await connection.close()
    except DRIVER as error:
        raise ours(error) from error


async def version(url: str) -> str | None:
    """Return the schema version of a database, None where it has none. Raises StorageError."""
    async with _connected(url) as connection:
        return await _version(connection)


async def _version(connection: asyncpg.Connection[asyncpg.Record]) -> str | None:
    if not await connection.fetchval(_KNOWN):
        return None
    found: str | None = await connection.fetchval(_VERSION)
    return found


async def migrate(url: str) -> bool:
    """Bring a database's schema up to date, all of it or nothing; False when it was.

    Raises: WrongSchema when the database is newer than the program; StorageError.
    """
    async with _connected(url) as connection, connection.transaction():
        # Of two who migrate at once the second finds it done.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", lock_key("migrate", 0))
        found = await _version(connection)
        if not is_due(found):
            return False
        await connection.execute(_script(found))
    return True


def _script(found: str | None) -> str:
    """Return the SQL that leads from a version to the newest, as Alembic writes it."""
    from alembic import command  # noqa: PLC0415  only when there is something to migrate

    config = script()
    config.attributes["engine"] = "postgresql"
    config.output_buffer = io.StringIO()
    command.upgrade(config, f"{found or 'base'}:{HEAD}", sql=True)
    text = config.output_buffer.getvalue()
    # It runs inside a transaction that is open already.
    return "\n".join(line for line in text.splitlines() if line not in ("BEGIN;", "COMMIT;"))
