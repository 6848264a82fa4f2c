"""The connection that stands: it hears other processes, and holds the parts this one leads.

Its heart beats, so that a server that is gone, and does not say so, is noticed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from storage.database import GATE, OUTBOX
from storage.errors import Closed, Conflict
from storage.postgres.connections import SETTINGS, options
from storage.postgres.errors import DRIVER
from storage.postgres.tx import lock_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

log = structlog.get_logger()

CHANNEL = "switchboard"
BEAT_SECONDS = 2.0
ANSWER_SECONDS = 3.0
TRY_SECONDS = 2.0
AGAIN_SECONDS = 0.5
# A process whose heart stands still, frozen or cut off, must not hold its parts for long.
LONGEST_REST = "6s"


class Standing:
    """One process's standing connection, made when it is first needed.

    `heard(topic)` is called for what other processes tell, and for every topic after a gap;
    `gone()` once the server does not answer any more.
    """

    def __init__(
        self, url: str, me: str, heard: Callable[[str], None], gone: Callable[[], None]
    ) -> None:
        self._url = url
        self._me = me
        self._heard = heard
        self._gone = gone
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._here = asyncio.Event()
        self._turn = asyncio.Lock()
        self._terms: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        """Stand from now on."""
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._stand_forever(), name="postgres-standing")

    async def close(self) -> None:
        """Let go of it, and of what it holds."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._here.set()

    @contextlib.asynccontextmanager
    async def leading(self, name: str, *, shared: bool, wait: bool) -> AsyncIterator[asyncio.Event]:
        """See Database.leading: an advisory lock of this connection's session."""
        self.start()
        suffix = "_shared" if shared else ""
        key = lock_key("lead", name)
        while not await self._ask(f"SELECT pg_try_advisory_lock{suffix}($1)", key):
            if not wait:
                raise Conflict(f"another process has this part: {name}")
            await asyncio.sleep(TRY_SECONDS)
        lost = asyncio.Event()
        self._terms.add(lost)
        try:
            yield lost
        finally:
            self._terms.discard(lost)
            if not lost.is_set() and not self._closed:
                await self._ask(f"SELECT pg_advisory_unlock{suffix}($1)", key)

    async def _ask(self, statement: str, *values: Any) -> Any:  # noqa: ANN401
        """Return what a statement finds on the connection, once there is one."""
        while True:
            await self._here.wait()
            if self._closed:
                raise Closed("the database is closed")
            if (connection := self._connection) is None:
                continue
            try:
                async with self._turn:
                    found = await connection.fetchval(statement, *values, timeout=ANSWER_SECONDS)
                if self._connection is connection:  # else what it found is lost with it
                    return found
            except DRIVER:
                connection.terminate()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _stand_forever(self) -> None:
        while True:
            try:
                self._connection = await self._connect()
                await self._stand(self._connection)
            except DRIVER as error:
                log.warning("database_is_away", error=type(error).__name__)
            finally:
                self._let_go()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        settings = SETTINGS | {"idle_session_timeout": LONGEST_REST}
        return await asyncpg.connect(**options(self._url) | {"server_settings": settings})

    async def _stand(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Listen until the connection is lost. Raises what the driver does."""
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        await connection.add_listener(CHANNEL, self._told)
        self._here.set()
        for topic in (OUTBOX, GATE):  # whatever was told meanwhile
            self._heard(topic)
        while not connection.is_closed():
            async with self._turn:
                await connection.fetchval("SELECT 1", timeout=ANSWER_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await ended.wait()

    def _told(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:  # noqa: ANN401
        topic, _, who = str(payload).partition(" ")
        if who != self._me:
            self._heard(topic)

    def _let_go(self) -> None:
        """Give up what is held: another process may have it from now on."""
        self._here.clear()
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        for lost in self._terms:
            lost.set()
        self._terms.clear()
        if not self._closed:
            self._gone()
