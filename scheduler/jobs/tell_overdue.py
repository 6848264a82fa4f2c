"""Tells the support team of questions that have waited for an answer for more than two days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers import overdue

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Database

EVERY = 60.0


async def run(database: Database, alliance: Alliance, now: int) -> None:
    """Tell each of the team of the oldest, once."""
    if await database.read(lambda tx: overdue.waits(tx, now)):
        await database.write(lambda tx: overdue.tell(tx, alliance, now))
