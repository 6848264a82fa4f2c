"""Telling other processes of commits, seldom: a NOTIFY inside each commit halves their rate."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from storage.errors import StorageError
from storage.postgres.errors import DRIVER
from storage.postgres.standing import CHANNEL

if TYPE_CHECKING:
    from storage.postgres.connections import Connections

EVERY_SECONDS = 0.050


class Telling:
    """Gathers topics, and notifies of them at most once in 50 ms."""

    def __init__(self, connections: Connections, me: str) -> None:
        self._connections = connections
        self._me = me
        self._topics: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def tell(self, topics: set[str]) -> None:
        """Tell of topics soon."""
        self._topics |= topics
        if self._topics and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._tell(), name="postgres-telling")

    async def finish(self) -> None:
        """Tell what has not been told."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _tell(self) -> None:
        while self._topics:
            topics, self._topics = self._topics, set()
            # Whoever is not told looks by himself, a second later at the latest.
            with contextlib.suppress(*DRIVER, StorageError):
                async with self._connections.taken() as connection:
                    for topic in topics:
                        await connection.execute(
                            "SELECT pg_notify($1, $2)", CHANNEL, f"{topic} {self._me}"
                        )
            await asyncio.sleep(EVERY_SECONDS)
