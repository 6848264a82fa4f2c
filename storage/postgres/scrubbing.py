"""Forgetting on PostgreSQL: VACUUM takes what is dead out of the tables' pages and indexes.

What the server keeps beside them, its log and its backups, is the server's keeper's to guard.
Source: postgresql.org/docs/current/routine-vacuuming.html (2026-11).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

from storage.errors import StorageError
from storage.postgres.errors import DRIVER

if TYPE_CHECKING:
    from storage.postgres.connections import Connections

log = structlog.get_logger()

TABLES = "answers, dialogs, inbound, outbox, rounds, tickets"


class Scrubbing:
    """Vacuums once a unit has asked for it, beside all other work."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._due = False
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Vacuum soon."""
        self._due = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._vacuum(), name="postgres-scrubbing")

    async def close(self) -> None:
        """Wait for no VACUUM: the server's own finds what is left."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _vacuum(self) -> None:
        while self._due:
            self._due = False
            try:
                async with self._connections.taken() as connection:
                    await connection.execute(f"VACUUM {TABLES}")
            except (*DRIVER, StorageError) as error:
                log.warning("scrubbing_waits", error=type(error).__name__)
