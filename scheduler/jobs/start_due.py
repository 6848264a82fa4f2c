"""Queues the broadcasts whose time has come, a chunk at a time so that replies pass between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.perform import queue_next

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Database

EVERY = 0.5


async def run(database: Database, alliance: Alliance, now: int) -> None:  # noqa: ARG001  one shape
    """Queue everyone of every batch that is due."""
    while await database.write(lambda tx: queue_next(tx, now)) is not None:
        pass
