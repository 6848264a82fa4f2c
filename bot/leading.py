"""What one process alone may do: each has it in turn, whichever of them are running."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from storage.errors import Closed, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from storage.database import Database

log = structlog.get_logger()

AGAIN = 2.0


async def lead(
    database: Database, name: str, work: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Do the work whenever it is this process's turn, until it ends by itself or is cancelled."""
    while True:
        try:
            async with database.leading(name) as lost:
                log.info("leading", part=name)
                if await _ended(work(), lost):
                    return
        except Closed:
            return
        except StorageError as error:
            log.warning("leading_waits", part=name, error=type(error).__name__)
            await asyncio.sleep(AGAIN)


async def _ended(work: Coroutine[Any, Any, None], lost: asyncio.Event) -> bool:
    """Do the work until it ends, or another process may have it; tell whether it ended."""
    doing, losing = asyncio.create_task(work), asyncio.create_task(lost.wait())
    try:
        await asyncio.wait({doing, losing}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            await doing
        return doing.done()
    finally:
        for task in (doing, losing):
            task.cancel()
        await asyncio.gather(doing, losing, return_exceptions=True)
