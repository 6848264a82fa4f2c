"""Backups: a SQLite file of either engine's data, and putting one in the place of a database.

Nothing takes a database's place before it has been checked whole, and is ready to run.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from storage import audit, moving, opening, sqlite
from storage.database import SERVING
from storage.errors import Conflict
from storage.opening import Place
from storage.sqlite import carrying, copying, replacing, taking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from storage.database import Database, Tx
    from storage.opening import Where

Progress: TypeAlias = "Callable[[int, int], None]"


async def backup(database: Database, target: Path, progress: Progress) -> None:
    """Write the state of this instant to a new file that only its owner can read.

    The server may run meanwhile. `progress(done, total)` in pages, or in rows.
    Raises: Conflict where the target is there already; Corrupt, StorageError.
    """
    if isinstance(database, sqlite.SqliteDatabase):
        await database.backup(target, progress)
        return
    with copying.partial(target) as file:
        sqlite.migrate(file)
        copy = await sqlite.connect(file)
        try:
            await moving.move(database, copy, progress, _nothing)
        finally:
            await copy.close()
        try:
            with contextlib.closing(sqlite3.connect(file)) as connection:
                copying.seal(connection)
        except sqlite3.Error as error:
            raise sqlite.ours(error) from error


async def _nothing(_tx: Tx, _rows: int) -> None:
    pass


def take(file: Path, copy: Path, progress: Progress) -> str:
    """Copy a backup, check the copy, bring its schema up to date; return the one it had.

    Blocking. Raises: NotFound, BadInput, Corrupt, WrongSchema, StorageError.
    """
    return taking.take(file, copy, progress)


@dataclass(frozen=True, slots=True)
class Room:
    """The place of a database that nobody else has.

    `put` lays a copy there; what it replaces is kept under the name that it returns. `carry`
    stops in a copy whoever has stopped since, and returns how many phones that is; None where
    nothing is known of that.
    """

    put: Callable[[Path, Progress], Awaitable[Path | None]]
    carry: Callable[[Path], int | None]


@contextlib.asynccontextmanager
async def alone(where: Where, now: int) -> AsyncIterator[Room]:
    """Have a database to oneself, and yield the room it takes.

    That of a server must be empty: what it held would be nowhere else.
    Raises Conflict where a server runs on it; StorageError.
    """
    if isinstance(where, Place):
        with replacing.alone(where.path) as held:
            path, stamp = where.path, datetime.fromtimestamp(now / 1_000, UTC)
            aside = path.with_name(f"{path.name}.replaced-{stamp:%Y%m%d-%H%M%S}")

            async def put(copy: Path, progress: Progress) -> Path | None:
                return aside if replacing.replace(held, path, copy, aside, progress) else None

            yield Room(put, lambda copy: carrying.carry(held, copy) if held else None)
        return
    async with ready(where) as database:

        async def fill(copy: Path, progress: Progress) -> Path | None:
            source = await sqlite.connect(copy)
            try:
                await moving.move(source, database, progress, _nothing)
            finally:
                await source.close()
            return None

        yield Room(fill, lambda _copy: None)


@contextlib.asynccontextmanager
async def ready(where: Where) -> AsyncIterator[Database]:
    """Open an empty database to oneself, its tables made if it has none.

    Raises Conflict where it isn't empty, or a server runs on it; StorageError.
    """
    await opening.migrate(where)
    database = await opening.open_database(where)
    try:
        async with to_oneself(database):
            await database.read(moving.refuse_full)
            yield database
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def to_oneself(database: Database) -> AsyncIterator[None]:
    """Let no server run within the block. Raises Conflict where one does."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(database.leading(SERVING, wait=False))
        except Conflict as error:
            raise Conflict("a server runs on the database: stop it first") from error
        yield


async def copy(source: Database, target: Database, progress: Progress, now: int) -> moving.Moved:
    """Move every row to an empty database; see `moving.move`. Both are had alone meanwhile."""
    # The one writer of a file is kept out of it; a server's data is read as of one instant.
    is_file = isinstance(source, sqlite.SqliteDatabase)

    async def note(tx: Tx, rows: int) -> None:
        await audit.add(tx, "copy", "database", 0, now, count=rows)

    async with to_oneself(source):
        return await moving.move(source, target, progress, note, locked=is_file)
