"""What the driver's errors mean to the floors above."""

from __future__ import annotations

import sqlite3

from storage.errors import Busy, Conflict, Corrupt, DiskFull, StorageError


def ours(error: sqlite3.Error) -> Exception:
    """Return the StorageError that a driver's error means."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return DiskFull("the disk is full")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Busy("the database is locked by another program")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Corrupt("the database file is damaged: restore a backup")
        case sqlite3.SQLITE_CONSTRAINT:
            return Conflict(f"refused by the schema: {error}")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StorageError("the database can't be written: check its folder's permissions")
        case sqlite3.SQLITE_IOERR:
            return StorageError("the disk gave an error")
        case _:
            return StorageError(f"{type(error).__name__}: {error}")
