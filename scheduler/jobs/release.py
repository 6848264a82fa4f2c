"""Lets held messages go when their time comes, and ends those whose time to live is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import outbox, pending
from storage.database import OUTBOX

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx

EVERY = 1.0
AT_ONCE = 2_000


async def run(database: Database, alliance: Alliance, now: int) -> None:  # noqa: ARG001  one shape
    """Queue or expire what is held, in chunks, and forget what was never confirmed."""

    async def unit(tx: Tx) -> int:
        await pending.expire(tx, now)
        await outbox.expire(tx, now, AT_ONCE)
        released = await outbox.release(tx, now, AT_ONCE)
        if released:
            await tx.notify(OUTBOX)
        return released

    while await database.write(unit) == AT_ONCE:
        pass
