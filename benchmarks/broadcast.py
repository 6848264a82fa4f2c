"""A broadcast to a crowd on one channel: made, queued from another process, and waited for."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from benchmarks import crowd
from benchmarks.place import opened
from bot.alliance import alliance_of
from bot.config import load
from handlers import announce
from storage import audience, outbox
from storage.instant import clock

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Tx

TEXT = "The meeting about the new water points is on Thursday at ten, at the hall. All come."
PATIENCE = 300.0

_TELEGRAM = "UPDATE addresses SET channel = 'telegram', value = CAST(1000000 + id AS TEXT)"
# Served by an index of the few that wait: to count what was sent takes time from what is measured.
_WAITS = f"SELECT 1 FROM outbox WHERE {outbox.WAITING} LIMIT 1"  # noqa: S608  a constant
_SENT = "SELECT COUNT(*), MIN(sent_at), MAX(settled_at) FROM outbox WHERE status = 'sent'"


def fill(folder: Path, channel: str, recipients: int) -> None:
    """Make the storage of a folder's configuration, with so many people on a channel."""
    asyncio.run(_fill(folder, channel, recipients))


async def _fill(folder: Path, channel: str, recipients: int) -> None:
    database = await crowd.fill(folder, recipients)

    async def unit(tx: Tx) -> None:
        await tx.run(_TELEGRAM)

    if channel == "telegram":
        await database.write(unit)
        await crowd.settle(database)
    await database.close()


def send(folder: Path, recipients: int) -> float:
    """Queue a broadcast to all, as the command line does, and wait until each status is durable.

    Returns the seconds from the first send to the last status.
    """
    return asyncio.run(_send(folder, recipients))


async def _send(folder: Path, recipients: int) -> float:
    database, now = await opened(folder), clock()
    alliance = alliance_of(load(folder / "config.toml"))
    await database.write(
        lambda tx: announce.announce(
            tx, alliance, audience.All(), {"en": TEXT}, at=now, by=None, now=now
        )
    )
    until, count = time.monotonic() + PATIENCE, 0
    while time.monotonic() < until:
        await asyncio.sleep(0.5)
        if await database.read(lambda tx: tx.row(_WAITS)):
            continue
        row = await database.read(lambda tx: tx.row(_SENT))
        assert row
        count, first, last = row
        if count == recipients:
            await database.close()
            return float(last - first) / 1_000
    raise RuntimeError(f"{count} of {recipients} were sent within {PATIENCE:.0f} s")
