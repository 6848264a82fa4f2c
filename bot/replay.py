"""Replaying messages whose handling failed, with their original instant, once it is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from bot import faults
from bot.channels.base import Inbound
from handlers.dialog import routing
from storage import inbound

if TYPE_CHECKING:
    from bot.intake import Intake
    from storage.database import Database, Row, Tx

log = structlog.get_logger()

AT_ONCE = 100


async def replay(database: Database, intake: Intake) -> tuple[int, int]:
    """Run every failed message again; return how many were mended, and still fail."""
    mended = failing = after = 0
    while True:
        rows = await database.read(lambda tx, a=after: inbound.failed(tx, a, AT_ONCE))  # type: ignore[misc]
        if not rows:
            return mended, failing
        for row in rows:
            after = row[0]
            try:
                await database.write(lambda tx, r=row: _again(tx, intake, r))  # type: ignore[misc]
                mended += 1
            except Exception as error:  # noqa: BLE001  one that still fails leaves the others
                log.error(  # noqa: TRY400  its words may hold what the person wrote
                    "replay_failed", inbound=row[0], trace=faults.where(error)
                )
                failing += 1


async def _again(tx: Tx, intake: Intake, row: Row) -> None:
    inbound_id, channel, key, value, kind, text, choice, media, at = row
    event = Inbound(
        channel=channel, key=key, sender=value, text=text, kind=kind, choice=choice, media=media
    )
    carried = routing.pressed(choice)
    sender = await intake.sender(tx, channel, value, carried[0] if carried else 0)
    # Of somebody who has stopped or said no since then nothing is done any more.
    if sender is not None and sender.address_state != "hidden":
        await intake.run(tx, event, sender, "", at, key, replayed=True)
    await inbound.put_state(tx, inbound_id, "replayed")
