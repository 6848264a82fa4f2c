"""Where a run's data lies: a SQLite file or a PostgreSQL database, copied from an empty one."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from storage.opening import migrate, place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.postgres_server import Server

NAME = "alliance.db"
BESIDE = ("-wal", "-shm")


class Place(Protocol):
    """One run's storage, and how to look into it from outside."""

    engine: str
    url: str

    async def rows(self, statement: str) -> list[Sequence[Any]]:
        """Return what a query finds, as it is committed now."""

    async def close(self) -> None:
        """Leave nothing behind but the run's folder."""


class SqlitePlace:
    """A file in the run's folder."""

    engine = "sqlite"

    def __init__(self, empty: Path, folder: Path) -> None:
        self.path = folder / NAME
        self.url = f"sqlite:///{self.path}"
        shutil.copyfile(empty, self.path)
        self.path.chmod(0o600)

    @property
    def files(self) -> list[Path]:
        """The database's file, and those beside it that are there."""
        found = [self.path, *(self.path.with_name(NAME + ending) for ending in BESIDE)]
        return [path for path in found if path.exists()]

    async def rows(self, statement: str) -> list[Sequence[Any]]:
        """See Place.rows."""
        url = f"file:{self.path}?mode=ro"
        with contextlib.closing(sqlite3.connect(url, uri=True, timeout=10)) as database:
            return database.execute(statement).fetchall()

    def dump(self) -> list[str] | None:
        """Return all that is in it, None where it can't be read any more.

        But for what a look at whether it can be written leaves there.
        """
        try:
            with contextlib.closing(sqlite3.connect(self.path)) as database:
                return [line for line in database.iterdump() if 'INTO "pace"' not in line]
        except (sqlite3.Error, UnicodeDecodeError, OverflowError):
            return None

    async def close(self) -> None:
        """Nothing is held."""


class PostgresPlace:
    """A database of its own on a server; `url` may lead through something that cuts it."""

    engine = "postgresql"

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.url = self.direct = f"{server.address}/{name}"

    async def rows(self, statement: str) -> list[Sequence[Any]]:
        """See Place.rows."""
        import asyncpg  # noqa: PLC0415  SQLite's runs do without it

        connection = await asyncpg.connect(self.direct)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    @property
    def port(self) -> int:
        """Return where the server listens."""
        return urlsplit(self.direct).port or 0

    def lead_through(self, port: int) -> None:
        """Let `url` lead through another port of this machine."""
        self.url = f"postgresql://tests@127.0.0.1:{port}/{self.name}"

    async def admin(self, *statements: str) -> None:
        """Run statements beside the database, outside any transaction."""
        await administer(self.server, *statements)

    async def close(self) -> None:
        """Drop it."""
        await self.admin(
            f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)",
            f"DROP TABLESPACE IF EXISTS {self.name}",
        )


async def administer(server: Server, *statements: str) -> None:
    """Run statements on a server, outside any transaction."""
    import asyncpg  # noqa: PLC0415  as above

    connection = await asyncpg.connect(f"{server.address}/postgres")
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


EMPTY = "switchboard_empty"


class Places:
    """Makes places; what an empty one holds is made once."""

    def __init__(self, folder: Path, server: Server | None) -> None:
        self._empty = folder / "empty.db"
        self._server = server
        self._ready: set[str] = set()

    async def ready(self, engine: str) -> None:
        """Make what every place of an engine is a copy of, unless that is done."""
        if engine in self._ready:
            return
        if engine == "sqlite":
            self._empty.unlink(missing_ok=True)
            await migrate(place(f"sqlite:///{self._empty}", self._empty.parent))
            with contextlib.closing(sqlite3.connect(self._empty)) as database:
                database.execute("PRAGMA journal_mode = DELETE")
        else:
            assert self._server is not None
            await administer(self._server, f"DROP DATABASE IF EXISTS {EMPTY}")
            await administer(self._server, f"CREATE DATABASE {EMPTY}")
            await migrate(place(f"{self._server.address}/{EMPTY}", self._empty.parent))
        self._ready.add(engine)

    async def sqlite(self, folder: Path) -> SqlitePlace:
        """Make a SQLite file in a folder."""
        await self.ready("sqlite")
        return SqlitePlace(self._empty, folder)

    async def postgres(self, within: Path | None = None) -> PostgresPlace:
        """Make a PostgreSQL database; its tables lie `within` a folder, if one is named."""
        await self.ready("postgres")
        assert self._server is not None
        name = f"run_{time.monotonic_ns()}"
        where = ""
        if within is not None:
            await administer(self._server, f"CREATE TABLESPACE {name} LOCATION '{within}'")
            where = f" TABLESPACE {name}"
        await administer(self._server, f"CREATE DATABASE {name} TEMPLATE {EMPTY}{where}")
        return PostgresPlace(self._server, name)
