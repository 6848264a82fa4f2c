"""Opening the storage that a URL names, its schema brought up to date first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from storage import sqlite
from storage.errors import BadConfig, WrongSchema
from storage.migrations import HEAD, is_due

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Database

_SQLITE = "sqlite:///"
_POSTGRES = "postgresql://"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data lies: a SQLite file."""

    path: Path

    def __str__(self) -> str:
        """Name it to whoever configured it."""
        return self.path.name


@dataclass(frozen=True, slots=True)
class Server:
    """Where the data lies: a database of a PostgreSQL server. The URL may hold a password."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        """Name it to whoever configured it."""
        return self.url.rpartition("/")[2].partition("?")[0]


Where: TypeAlias = Place | Server


def place(url: str, folder: Path) -> Where:
    """Return what a storage URL names; a relative file lies in `folder`. Raises BadConfig."""
    if url.startswith(_POSTGRES):
        return Server(url)
    if not url.startswith(_SQLITE) or len(url) == len(_SQLITE):
        raise BadConfig(
            "storage.url must be sqlite:///FILE or postgresql://USER@HOST/DATABASE,"
            " for example sqlite:///switchboard.db"
        )
    return Place(folder / url.removeprefix(_SQLITE))


async def version(where: Where) -> str | None:
    """Return the schema version of what lies there, None for nothing. Raises StorageError."""
    if isinstance(where, Place):
        return sqlite.version(where.path)
    from storage import postgres  # noqa: PLC0415  most alliances need no server's client

    return await postgres.version(where.url)


async def migrate(where: Where) -> bool:
    """Bring the schema up to date; False when it was. Of a file a copy is laid aside first.

    Raises: WrongSchema when the data is newer than the program; StorageError.
    """
    if isinstance(where, Place):
        return sqlite.migrate(where.path)
    from storage import postgres  # noqa: PLC0415  as above

    return await postgres.migrate(where.url)


async def open_database(where: Where, *, migrating: bool = True) -> Database:
    """Open a database with the right schema. Raises WrongSchema, StorageError.

    Only a file is migrated: a server's data may be in use by other processes, of an older age.
    """
    if isinstance(where, Place) and migrating:
        sqlite.migrate(where.path)
    elif is_due(await version(where)):
        raise WrongSchema(
            f"{where} does not have schema {HEAD} of this program: run `switchboard migrate`"
        )
    if isinstance(where, Place):
        return await sqlite.connect(where.path)
    from storage import postgres  # noqa: PLC0415  as above

    return await postgres.connect(where.url)
