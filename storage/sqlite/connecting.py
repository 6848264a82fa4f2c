"""Making a SQLite file, and opening connections to it that are set up as they must be."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from typing import TYPE_CHECKING

from storage.errors import StorageError
from storage.sqlite import hop
from storage.sqlite.errors import ours

if TYPE_CHECKING:
    from pathlib import Path

BUSY_SECONDS = 10.0

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
    # Only where nobody has moved the log's pages meanwhile: see `checkpoints`.
    "PRAGMA wal_autocheckpoint = 16000",
)


def make(path: Path) -> None:
    """Make a file, if it is not there; only its owner can read it. Raises StorageError."""
    try:
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            found = os.fstat(file)
            if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
                os.fchmod(file, 0o600)
        finally:
            os.close(file)
    except OSError as error:
        raise StorageError(f"can't open {path}: {error.strerror}") from error


async def opened(path: Path, *, readonly: bool = False) -> hop.Connection:
    """Open a connection, set up. Raises StorageError, Corrupt, Busy."""
    connection = await hop.connect(path, BUSY_SECONDS)
    try:
        for pragma in PRAGMAS:
            await connection.execute(pragma)
        if readonly:
            await connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        await connection.close()
        raise ours(error) from error
    except BaseException:  # cancelled: its thread would keep the program from ending
        await connection.close()
        raise
    return connection


async def let_go(connection: hop.Connection) -> None:
    """Close a connection, whatever state it is in."""
    with contextlib.suppress(sqlite3.Error, ValueError):
        await connection.close()
