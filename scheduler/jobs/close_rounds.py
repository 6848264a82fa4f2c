"""Closes the rounds whose time is over; each respondent gets the result once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from handlers.close import close
from storage import rounds
from storage.errors import Conflict, StorageError

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx

log = structlog.get_logger()

EVERY = 5.0


async def run(database: Database, alliance: Alliance, now: int) -> None:
    """Close what is due, each round in a unit of its own."""
    for round_id in await database.read(lambda tx: rounds.due(tx, now)):

        async def unit(tx: Tx, round_id: int = round_id) -> None:
            round_ = await rounds.by_id(tx, round_id)
            # It may have been extended since it was found.
            if round_.closes_at <= now:
                await close(tx, alliance, round_, None, now)

        try:
            await database.write(unit)
        except Conflict:
            log.info("round_was_closed", round=round_id)
        except StorageError:
            raise
        except Exception as error:  # one round keeps no other open
            log.exception("round_not_closed", round=round_id, exc_info=error)
