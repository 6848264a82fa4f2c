"""The embedded engine: one writer with group commit, several readers, all aiosqlite.

Nothing above storage knows it: units of work see a Tx, and whoever runs them a Database.
Source: sqlite.org/lang_transaction.html, sqlite.org/wal.html (2026-11).
"""

from storage.sqlite.connecting import BUSY_SECONDS, PRAGMAS, make
from storage.sqlite.database import SqliteDatabase, connect
from storage.sqlite.errors import ours
from storage.sqlite.migrating import migrate, version

__all__ = [
    "BUSY_SECONDS",
    "PRAGMAS",
    "SqliteDatabase",
    "connect",
    "make",
    "migrate",
    "ours",
    "version",
]
