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

from storage.instant import DAY, MINUTE, clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = structlog.get_logger()

# Kept in the file as PRAGMA user_version, so that a crash does not lose it. Any other number
# is the minute, since the epoch, from which on the file has had to be written anew.
CLEAN, WRITTEN_ANEW = 0, 1

SECOND = 1.0
_WAIT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}

# Writing a file anew holds up whoever writes to it: a small one's half second nobody minds.
BYTES_A_SECOND = 100_000_000
SMALL = 50_000_000
# A larger one waits until its writer has had little to do for so many times as long.
CALM = 60
LONGEST = DAY

AGAIN_SECONDS = 0.25  # doubled from try to try, since one may write the whole file
AGAIN_MOST_SECONDS = 60.0  # also for a look whether another process has marked the file
LAST_TRIES = 20  # before the file is closed, while another process reads it


def marked(found: int, now: int) -> int:
    """Return the mark of a file that has to be written anew: the earliest minute stands."""
    return found if found > WRITTEN_ANEW else now // MINUTE


def may_begin(size: int, waited: int, calm: float) -> bool:
    """Tell whether a file of so many bytes may be written anew now.

    `waited` is in ms, `calm` the seconds for which its writer has had little to do.
    """
    takes = size / BYTES_A_SECOND
    return size <= SMALL or calm >= CALM * takes or waited >= LONGEST


def scrub(path: Path, calm: float = 0.0) -> bool | None:
    """Write a marked file anew and empty its log; False where that has to wait for others.

    It waits while another program writes, while anybody reads an earlier state, and while
    there is no room for a second copy. None is for a file that waits for a calmer time.
    Blocking: about a second for each 100 MB.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=SECOND, isolation_level=None)
        ) as connection:
            return _scrub(connection, path, calm)
    except sqlite3.Error as error:
        # What is damaged or can't be written at all is told by whoever uses it.
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _WAIT


def _scrub(connection: sqlite3.Connection, path: Path, calm: float) -> bool | None:
    found = _number(connection, "PRAGMA user_version")
    if found == CLEAN:
        return True
    if found != WRITTEN_ANEW:
        if not may_begin(path.stat().st_size, clock() - found * MINUTE, calm):
            return None
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
    """When a file is scrubbed: once a unit has asked for it, and again until it is done.

    `calm` tells for how many seconds the writer has had little to do.
    """

    def __init__(self, path: Path, wake: Callable[[], None], calm: Callable[[], float]) -> None:
        self._path = path
        self._wake = wake
        self._calm = calm
        self._due = True  # what a crash left is looked up at the first occasion
        self._delay = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Let the next `pursue` scrub the file."""
        self._due = True

    async def pursue(self) -> None:
        """Scrub the file if that is due, and call `wake` when it is to be looked at again."""
        if not self._due:
            return
        self._due = False
        self.stop()
        if await self._done():
            self._delay = 0.0
            self._later(AGAIN_MOST_SECONDS)
            return
        self._delay = min(max(AGAIN_SECONDS, 2 * self._delay), AGAIN_MOST_SECONDS)
        self._later(self._delay)

    async def at_last(self) -> None:
        """Scrub the file before it is closed, tried a few seconds long where others use it."""
        for _ in range(LAST_TRIES):
            if await self._done() is not False:
                return
            await asyncio.sleep(AGAIN_SECONDS)

    def stop(self) -> None:
        """Call `wake` no more for what had to wait."""
        if self._timer is not None:
            self._timer.cancel()

    def _later(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._remind)

    def _remind(self) -> None:
        self.ask()
        self._wake()

    async def _done(self) -> bool | None:
        try:
            return await asyncio.to_thread(scrub, self._path, self._calm())
        except Exception:  # the writer goes on; the mark in the file stays
            log.exception("scrubbing_failed")
            return False
