"""Forgets what need not be kept: raw inbound texts, and replies of long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import inbound, outbox
from storage.instant import DAY

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx

EVERY = 3_600.0
AT_ONCE = 1_000


async def run(database: Database, alliance: Alliance, now: int) -> None:
    """Blank and delete in chunks, so that replies pass between them."""
    before = now - alliance.keep_text_days * DAY

    async def unit(tx: Tx) -> int:
        texts = await inbound.prune(tx, before, AT_ONCE)
        return max(texts, await outbox.prune(tx, before, AT_ONCE))

    while await database.write(unit) == AT_ONCE:
        pass
