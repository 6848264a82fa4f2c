"""Queues the broadcasts whose time has come, a chunk at a time so that replies pass between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from handlers.dialog import perform
from storage import audit, batches, outbox, tickets
from storage.errors import StorageError
from storage.instant import DAY

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx

log = structlog.get_logger()

EVERY = 0.5
# A chunk is to take so long, whatever the engine and the audience.
CHUNK_SECONDS = 0.03
LEAST, MOST = 100, 200_000


async def run(database: Database, alliance: Alliance, now: int) -> None:  # noqa: ARG001  one shape
    """Queue everyone of every batch that is due; one that can't be queued is halted."""
    span = perform.CHUNK
    while (batch := await database.read(lambda tx: batches.due(tx, now))) is not None:

        async def unit(tx: Tx, number: int = batch.id, span: int = span) -> float:
            await tx.lock("batch", number)
            found = await batches.by_id(tx, number)
            began = asyncio.get_running_loop().time()
            # It may have been halted since it was found.
            if found.state in batches.TO_QUEUE:
                await perform.queue_some(tx, found, now, span)
            return asyncio.get_running_loop().time() - began

        async def halt(tx: Tx, number: int = batch.id) -> None:
            await batches.halt(tx, number)
            cancelled = await outbox.halt(tx, number, now)
            await audit.add(tx, "halt", "batch", number, now, count=cancelled)
            await tickets.alert(
                tx, f"broadcast {number} could not be queued and is halted: see the log", now, DAY
            )

        try:
            span = fitting(span, await database.write(unit))
        except StorageError:
            raise
        except Exception as error:  # one batch keeps no other waiting
            log.exception("batch_not_queued", batch=batch.id, exc_info=error)
            await database.write(halt)


def fitting(span: int, took: float) -> int:
    """Return how many members the next chunk looks at, when the last one's took so long (s)."""
    wanted = span * CHUNK_SECONDS / max(took, 0.001)
    return max(LEAST, min(MOST, round(min(max(wanted, span / 2), span * 2))))
