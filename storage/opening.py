"""Opening the storage that a URL names, its schema brought up to date first."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from storage import sqlite
from storage.errors import BadConfig, StorageError, WrongSchema
from storage.migrations import HEAD
from storage.sqlite import copying

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from storage.database import Database

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the data lies: a SQLite file."""

    path: Path


def place(url: str, folder: Path) -> Place:
    """Return what a storage URL names; a relative file lies in `folder`. Raises BadConfig."""
    if not url.startswith(_SQLITE) or len(url) == len(_SQLITE):
        raise BadConfig(
            "storage.url must be sqlite:///FILE, for example sqlite:///switchboard.db"
            " (PostgreSQL comes with a later release)"
        )
    return Place(folder / url.removeprefix(_SQLITE))


def version(path: Path) -> str | None:
    """Return the schema version of a file, None where it has none. Raises StorageError."""
    if not path.exists() or not path.stat().st_size:
        return None
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=sqlite.BUSY_SECONDS)) as connection:
            tables = connection.execute(
                "SELECT COUNT(*) FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()
            if not tables[0]:
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
    except sqlite3.Error as error:
        raise sqlite.ours(error) from error


def migrate(path: Path) -> bool:
    """Bring a file's schema up to date, a copy laid aside first; False when it was.

    Raises: WrongSchema when the file is newer than the program; StorageError.
    """
    found = version(path)
    if found == HEAD:
        return False
    if found is not None and found > HEAD:
        raise WrongSchema(
            f"the database has schema {found} and this program knows {HEAD}: install a newer one"
        )
    sqlite.make(path)
    if found is not None:
        _lay_aside(path)
    _upgrade(path)
    return True


def _lay_aside(path: Path) -> None:
    copy = path.with_name(f"{path.name}.before-{HEAD}")
    copy.unlink(missing_ok=True)  # of an earlier try, which changed nothing
    try:
        copying.copy(path, copy, lambda _done, _total: None)
    except sqlite3.Error as error:
        raise sqlite.ours(error) from error


def _upgrade(path: Path) -> None:
    from alembic import command  # noqa: PLC0415  only when there is something to migrate
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine, event  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    timeout = sqlite.BUSY_SECONDS
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": timeout})

    # The driver itself would commit before each change of the schema: a crash would leave half.
    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise sqlite.ours(error.orig) from error
        raise StorageError("the schema could not be brought up to date") from error
    finally:
        engine.dispose()


async def open_database(where: Place, *, migrating: bool = True) -> Database:
    """Open a database with the right schema. Raises WrongSchema, StorageError."""
    if migrating:
        migrate(where.path)
    elif version(where.path) != HEAD:
        raise WrongSchema(f"{where.path.name} has not been set up: run `switchboard migrate`")
    return await sqlite.connect(where.path)
