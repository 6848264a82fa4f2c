"""What the driver's errors mean to the floors above, and which of them pass by themselves."""

from __future__ import annotations

import asyncpg

from storage.errors import (
    Busy,
    Conflict,
    Corrupt,
    DiskFull,
    StorageError,
    SwitchboardError,
)

AWAY = "the database server is away"


class Again(Busy):
    """Another process was in the way, and the unit is undone: it may be run again at once."""


class Lost(Busy):
    """The connection is gone, and with it the unit: it may be run again on another."""


# What connecting, and every statement, can raise beside the server's own errors.
DRIVER = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that is cut just as it is used
    OSError,
    TimeoutError,
    EOFError,
)

# What the driver says of a connection that ended, which the pool has taken back by then.
_GONE = ("closed", "closing", "released")

# The first that fits is what it means.
_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], type[SwitchboardError], str], ...] = (
    (
        (asyncpg.DeadlockDetectedError, asyncpg.SerializationError),
        Again,
        "another process was in the way",
    ),
    (
        (
            asyncpg.PostgresConnectionError,
            asyncpg.CannotConnectNowError,
            asyncpg.AdminShutdownError,
            asyncpg.CrashShutdownError,
            asyncpg.IdleInTransactionSessionTimeoutError,
            asyncpg.ReadOnlySQLTransactionError,  # a server that has become another's standby
            asyncpg.TooManyConnectionsError,
            asyncpg.InternalClientError,
            OSError,
            TimeoutError,
            EOFError,
        ),
        Lost,
        AWAY,
    ),
    ((asyncpg.LockNotAvailableError,), Busy, "another process holds what this one waits for"),
    ((asyncpg.DiskFullError,), DiskFull, "the database server's disk is full"),
    (
        (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError),
        Corrupt,
        "the database is damaged: restore a backup",
    ),
    (
        (asyncpg.IntegrityConstraintViolationError, asyncpg.RaiseError),
        Conflict,
        "refused by the schema",
    ),
    (
        (asyncpg.InvalidAuthorizationSpecificationError,),
        StorageError,
        "the database server refuses our name or password",
    ),
    (
        (asyncpg.InvalidCatalogNameError,),
        StorageError,
        "the database server has no such database: create it first",
    ),
)


def ours(error: BaseException) -> SwitchboardError:
    """Return the StorageError or Conflict that a driver's error means."""
    for kinds, meaning, words in _MEANINGS:
        if isinstance(error, kinds):
            return meaning(words)
    if isinstance(error, asyncpg.InterfaceError) and any(word in str(error) for word in _GONE):
        return Lost(AWAY)
    return StorageError(f"the database server: {type(error).__name__}")
