"""HALT: stopping a broadcast; what has not left, stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import audit, batches, outbox

if TYPE_CHECKING:
    from storage.database import Tx


async def halt(tx: Tx, number: int, by: int | None, now: int) -> int:
    """Stop a broadcast, and return how many waiting messages were cancelled.

    Raises NotFound.
    """
    batch = await batches.by_id(tx, number)
    await batches.halt(tx, batch.id)
    cancelled = await outbox.halt(tx, batch.id, now)
    await audit.add(tx, "halt", "batch", batch.id, now, by=by, count=cancelled)
    return cancelled
