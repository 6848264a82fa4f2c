"""Who is told of commits: the writer's own, and those of other processes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from storage.database import GATE, OUTBOX
from storage.listening import Listening

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger()

WATCH_SECONDS = 0.25
WATCH_AGAIN_SECONDS = 5.0  # after an error


class Listeners(Listening):
    """Those who hear of commits, and the watch for commits from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._version = 0
        self._watching: asyncio.Task[None] | None = None

    def watch(self, version: Callable[[], Awaitable[int]]) -> None:
        """Tell every topic as `version` changes, until `close`."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch_forever(version), name="sqlite-watch")

    async def close(self) -> None:
        """End the watch."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})

    async def _watch_forever(self, version: Callable[[], Awaitable[int]]) -> None:
        while True:
            try:
                found = await version()
                if self._version and found != self._version:
                    for topic in (OUTBOX, GATE):
                        self.tell(topic)
                self._version = found
            except Exception:  # the next look may go well
                log.exception("watching_failed")
                await asyncio.sleep(WATCH_AGAIN_SECONDS)
            await asyncio.sleep(WATCH_SECONDS)
