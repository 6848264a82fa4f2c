"""Ends what waits past its time to live on a channel that is no longer configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import outbox

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Database

# Seldom, since what a sender claims the sender itself ends in time.
EVERY = 60.0
AT_ONCE = 2_000


async def run(database: Database, alliance: Alliance, now: int) -> None:  # noqa: ARG001  one shape
    """Expire what is overdue, found by reading, so that replies wait for chunks alone."""
    while True:
        found = await database.read(lambda tx: outbox.overdue(tx, now, AT_ONCE))
        if not found:
            return
        await database.write(lambda tx, rows=found: outbox.expire_queued(tx, rows, now))  # type: ignore[misc]
