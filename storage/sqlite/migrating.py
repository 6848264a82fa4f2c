"""The schema of a SQLite file: which one it has, and how it is brought up to date."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from storage.errors import StorageError
from storage.migrations import HEAD, is_due, script
from storage.sqlite import copying
from storage.sqlite.connecting import BUSY_SECONDS, make
from storage.sqlite.errors import ours

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection


def version(path: Path) -> str | None:
    """Return the schema version of a file, None where it has none. Raises StorageError."""
    if not path.exists() or not path.stat().st_size:
        return None
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            tables = connection.execute(
                "SELECT COUNT(*) FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()
            if not tables[0]:
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
    except sqlite3.Error as error:
        raise ours(error) from error


def migrate(path: Path) -> bool:
    """Bring a file's schema up to date, a copy laid aside first; False when it was.

    Raises: WrongSchema when the file is newer than the program; StorageError.
    """
    found = version(path)
    if not is_due(found):
        return False
    make(path)
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
        raise ours(error) from error


def _upgrade(path: Path) -> None:
    from alembic import command  # noqa: PLC0415  only when there is something to migrate
    from sqlalchemy import create_engine, event  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    config = script()
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})

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
            raise ours(error.orig) from error
        raise StorageError("the schema could not be brought up to date") from error
    finally:
        engine.dispose()
