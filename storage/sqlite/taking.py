"""Taking a backup over into a file of our own, once it is found sound to its last page."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from storage.errors import BadInput, Corrupt, NotFound
from storage.sqlite.copying import copy
from storage.sqlite.errors import ours
from storage.sqlite.legible import check
from storage.sqlite.migrating import migrate, version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def take(file: Path, target: Path, progress: Callable[[int, int], None]) -> str:
    """Copy a backup to `target`, check it, and bring its schema up to date.

    Returns the schema version that it had. The backup itself stays as it is; blocking;
    `progress(done, total)` in pages. Raises: NotFound, BadInput for a file that is none of
    ours, Corrupt, WrongSchema, StorageError.
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    try:
        copy(file, target, progress)
        check(target)
    except (sqlite3.Error, Corrupt) as error:
        meant = ours(error) if isinstance(error, sqlite3.Error) else error
        if not isinstance(meant, Corrupt):
            raise meant from error
        raise Corrupt(f"{file} is damaged, or no database: take another backup") from error
    found = version(target)
    if found is None:
        raise BadInput(f"{file} is no backup of Switchboard")
    migrate(target)
    return found
