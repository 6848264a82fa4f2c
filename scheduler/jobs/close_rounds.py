"""Closes the rounds whose time is over; each respondent gets the result once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from handlers.close import close
from storage import rounds
from storage.errors import Conflict

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx

log = structlog.get_logger()

EVERY = 5.0


async def run(database: Database, alliance: Alliance, now: int) -> None:
    """Close what is due, each round in a unit of its own."""
    for round_id in await database.read(lambda tx: rounds.due(tx, now)):

        async def unit(tx: Tx, round_id: int = round_id) -> None:
            await close(tx, alliance, await rounds.by_id(tx, round_id), None, now)

        try:
            await database.write(unit)
        except Conflict:
            log.info("round_was_closed", round=round_id)
