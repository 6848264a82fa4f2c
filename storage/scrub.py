"""Forgetting in a SQLite file: what was deleted is in no page of it and of its log.

`secure_delete` alone leaves copies: of a cell that moved to another page when its own was
full, and of every earlier page that is still in the log.
Source: sqlite.org/pragma.html#pragma_secure_delete, sqlite.org/lang_vacuum.html (2026-11).
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Kept in the file as PRAGMA user_version, so that a crash does not lose it.
CLEAN, UNCLEAN, WRITTEN_ANEW = 0, 1, 2
MARK = f"PRAGMA user_version = {UNCLEAN}"

SECOND = 1.0
_WAIT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}


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
