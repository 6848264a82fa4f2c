"""Forgetting in a SQLite file: what was deleted is in no page of it and of its log.

`secure_delete` alone leaves copies: of a cell that moved to another page when its own was
full, and of every earlier page that is still in the log.
Source: sqlite.org/pragma.html#pragma_secure_delete, sqlite.org/lang_vacuum.html (2026-11).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = structlog.get_logger()

# Kept in the file as PRAGMA user_version, so that a crash does not lose it.
CLEAN, UNCLEAN, WRITTEN_ANEW = 0, 1, 2
MARK = f"PRAGMA user_version = {UNCLEAN}"

SECOND = 1.0
_WAIT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}

AGAIN_SECONDS = 0.25  # doubled from try to try, since one may write the whole file
AGAIN_MOST_SECONDS = 60.0
LAST_TRIES = 20  # before the file is closed, while another process reads it


def scrub(path: Path) -> bool:
    """Write a marked file anew and empty its log; False where that has to wait.

    It waits while another program writes, while anybody reads an earlier state, and while
    there is no room for a second copy. Blocking: about a second for each 100 MB.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=SECOND, isolation_level=None)
        ) as connection:
            return _scrub(connection)
    except sqlite3.Error as error:
        # What is damaged or can't be written at all is told by whoever uses it.
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _WAIT


def _scrub(connection: sqlite3.Connection) -> bool:
    found = _number(connection, "PRAGMA user_version")
    if found == CLEAN:
        return True
    if found == UNCLEAN:
        connection.execute("VACUUM")
        connection.execute(f"PRAGMA user_version = {WRITTEN_ANEW}")
    # Whoever reads is not waited for: the writer has other work meanwhile.
    connection.execute("PRAGMA busy_timeout = 0")
    if _number(connection, "PRAGMA wal_checkpoint(TRUNCATE)"):
        return False
    connection.execute(f"PRAGMA user_version = {CLEAN}")
    return True


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


class Scrubbing:
    """When a file is scrubbed: once a unit has asked for it, and again until it is done."""

    def __init__(self, path: Path, wake: Callable[[], None]) -> None:
        self._path = path
        self._wake = wake
        self._due = True  # what a crash left is looked up at the first occasion
        self._delay = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Let the next `pursue` scrub the file."""
        self._due = True

    async def pursue(self) -> None:
        """Scrub the file if that is due; where it has to wait, call `wake` when it is due again."""
        if not self._due:
            return
        self._due = False
        self.stop()
        if await self._done():
            self._delay = 0.0
            return
        self._delay = min(max(AGAIN_SECONDS, 2 * self._delay), AGAIN_MOST_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(self._delay, self._remind)

    async def at_last(self) -> None:
        """Scrub the file before it is closed, tried a few seconds long."""
        for _ in range(LAST_TRIES):
            if await self._done():
                return
            await asyncio.sleep(AGAIN_SECONDS)

    def stop(self) -> None:
        """Call `wake` no more for what had to wait."""
        if self._timer is not None:
            self._timer.cancel()

    def _remind(self) -> None:
        self.ask()
        self._wake()

    async def _done(self) -> bool:
        try:
            return await asyncio.to_thread(scrub, self._path)
        except Exception:  # the writer goes on; the mark in the file stays
            log.exception("scrubbing_failed")
            return False
