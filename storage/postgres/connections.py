"""The connections of one process: a few that do the work, opened as they are needed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from storage.errors import Closed
from storage.postgres.errors import DRIVER, ours

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Connection: TypeAlias = (
        asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    )

MOST = 6
PATIENCE = 10.0  # seconds for which a unit waits for a server that is away
CONNECT_SECONDS = 5.0
LONGEST_STATEMENT = 300.0

# A process that is stopped in the middle of a unit must not hold its locks for long. Every
# statement of a unit is served by indexes: so it is planned that way, also while the server's
# statistics still say that a table is empty.
SETTINGS = {
    "application_name": "switchboard",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "8s",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


class _Cut(asyncpg.Connection):
    """A connection that says so when it is broken off in the middle of a statement.

    The driver's own then has an AttributeError, which would pass for a mistake of the unit's.
    """

    async def _do_execute(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        try:
            return await super()._do_execute(*arguments, **named)  # type: ignore[misc]
        except AttributeError as error:
            if not self.is_closed():
                raise
            raise asyncpg.InternalClientError("the connection was broken off") from error


async def _nothing(_connection: Connection) -> None:
    """Leave a connection as it is: no unit changes its settings."""


def options(url: str) -> dict[str, Any]:
    """Return how to connect: of several hosts in the URL to the one that can be written."""
    return {
        "dsn": url,
        "timeout": CONNECT_SECONDS,
        "target_session_attrs": "read-write",
        "server_settings": SETTINGS,
    }


class Connections:
    """A pool of connections to one database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._used: set[Connection] = set()
        self._closed = False

    async def open(self) -> None:
        """Connect for the first time. Raises StorageError."""
        try:
            self._pool = await asyncpg.create_pool(
                connection_class=_Cut, min_size=0, init_size=0, max_size=MOST, max_queries=2**62,
                max_inactive_connection_lifetime=0, reset=_nothing,
                statement_cache_size=1_024, max_cached_statement_lifetime=0,
                max_cacheable_statement_size=2**18, command_timeout=LONGEST_STATEMENT,
                **options(self._url),
            )  # fmt: skip
        except DRIVER as error:
            raise ours(error) from error

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[Connection]:
        """Have a connection for oneself within the block. Raises StorageError, Lost, Closed."""
        pool = self._open()
        try:
            connection = await pool.acquire(timeout=PATIENCE)
        except DRIVER as error:
            self._open()
            raise ours(error) from error
        self._used.add(connection)
        try:
            yield connection
        finally:
            self._used.discard(connection)
            # A connection that ended in the block is let go of, whatever it says to that.
            with contextlib.suppress(*DRIVER):
                await pool.release(connection, timeout=CONNECT_SECONDS)

    def _open(self) -> asyncpg.Pool[asyncpg.Record]:
        if self._closed or self._pool is None:
            raise Closed("the database is closed")
        return self._pool

    def break_off(self) -> None:
        """Give up on every connection in use: the server behind them doesn't answer any more."""
        for connection in list(self._used):
            with contextlib.suppress(*DRIVER):  # the pool may have taken it back by now
                connection.terminate()

    async def close(self) -> None:
        """Let go of all of them."""
        self._closed = True
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._pool.close()
        except DRIVER:
            self._pool.terminate()
