"""Moving what stands in a file's log to its place in the file, beside the writer.

SQLite would do it within a COMMIT, and whoever waits for that one would wait for the disk too.
Here another connection does most of it. The log begins anew only once all of it has been
moved, and with a busy writer there is always a little more: that rest is the writer's.
Source: sqlite.org/wal.html#ckpt (2026-11).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from pathlib import Path

    from storage.sqlite import hop

log = structlog.get_logger()

EVERY_SECONDS = 1.0
# The log begins anew once it has so many pages of 4 KiB.
ENOUGH = 4_000

_MOVE = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpoints:
    """When a file's log is moved: a second after what was written, and so on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._moving: asyncio.Task[None] | None = None
        self._rest = False

    def wrote(self) -> None:
        """Take note of a commit: what it wrote is moved soon."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(EVERY_SECONDS, self._begin)

    async def rest(self, writer: hop.Connection) -> None:
        """Let the writer move what is left, where that is little and the log is long enough."""
        if self._rest:
            self._rest = False
            with contextlib.suppress(sqlite3.Error, ValueError):  # a unit meets what is wrong
                await writer.execute(_MOVE)

    async def close(self) -> None:
        """Wait for what is under way, and let go."""
        if self._timer is not None:
            self._timer.cancel()
        if self._moving is not None:
            await asyncio.wait({self._moving})
        if self._connection is not None:
            self._connection.close()

    def _begin(self) -> None:
        self._moving = asyncio.create_task(self._move(), name="sqlite-checkpoint")

    async def _move(self) -> None:
        try:
            self._rest = await asyncio.to_thread(self._moved) >= ENOUGH
        except sqlite3.Error as error:  # the log waits, and grows
            log.warning("checkpoint_failed", error=str(error))
        finally:
            self._timer = None

    def _moved(self) -> int:
        """Move what nobody still needs in the log; return the pages that the log has."""
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False
            )
        _, pages, _ = self._connection.execute(_MOVE).fetchone()
        return int(pages)
