"""The engine for many processes and machines: asyncpg, the same units of work.

Nothing above storage knows it: units of work see a Tx, and whoever runs them a Database.
Source: postgresql.org/docs/current/mvcc.html, explicit-locking.html (2026-11).
"""

from storage.postgres.database import PostgresDatabase, connect
from storage.postgres.migrating import migrate, version

__all__ = ["PostgresDatabase", "connect", "migrate", "version"]
