"""Closes the rounds whose time is over; each respondent gets the result once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from handlers.close import close, ease, sweep
from storage import dialogs, rounds
from storage.errors import Conflict, StorageError
from storage.instant import DAY

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Database, Tx

log = structlog.get_logger()

EVERY = 5.0


async def run(database: Database, alliance: Alliance, now: int) -> None:
    """Close what is due, and clear up after all that has closed."""
    for round_id in await database.read(lambda tx: rounds.due(tx, now)):
        try:
            await _close(database, alliance, round_id, now)
        except Conflict:
            log.info("round_was_closed", round=round_id)
        except StorageError:
            raise
        except Exception as error:  # one round keeps no other open
            log.exception("round_not_closed", round=round_id, exc_info=error)
    for round_id in await database.read(lambda tx: dialogs.ended(tx, now - DAY)):
        await _sweep(database, round_id)


async def _close(database: Database, alliance: Alliance, round_id: int, now: int) -> None:
    """Close a round in a unit of its own, once little is left to be blanked."""

    async def eased(tx: Tx) -> bool:
        return await ease(tx, await rounds.by_id(tx, round_id))

    async def unit(tx: Tx) -> None:
        await tx.lock("round", round_id)
        round_ = await rounds.by_id(tx, round_id)
        # It may have been extended since it was found.
        if round_.closes_at <= now:
            await close(tx, alliance, round_, None, now)

    while await database.write(eased):
        pass
    await database.write(unit)


async def _sweep(database: Database, round_id: int) -> None:
    while await database.write(lambda tx: sweep(tx, round_id)):
        pass
