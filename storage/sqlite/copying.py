"""Consistent copies of a SQLite file, made while others write to it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from storage.errors import Conflict, Corrupt, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGES_AT_ONCE = 512
# SQLite's own files beside a database: it would take a copy there for one of them.
BESIDE = ("-wal", "-shm", "-journal")


def copy(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    """Write a file's state of this instant into a new file that only its owner can read.

    Blocking; `progress(done, total)` in pages, and may raise to break it off. The target is
    there only once it is whole and found sound.

    Raises: Conflict where the target is there already; Corrupt, StorageError, sqlite3.Error.
    """
    if str(target.resolve()) in [f"{source.resolve()}{ending}" for ending in BESIDE]:
        raise Conflict(f"{target.name} is a name that the database keeps for itself")
    with partial(target) as file:
        _fill(file, source, progress)


@contextlib.contextmanager
def partial(target: Path) -> Iterator[Path]:
    """Have an empty file that becomes `target` at the block's end, and is gone after an error.

    Raises: Conflict where the target is there already; StorageError.
    """
    if target.exists():
        raise Conflict(f"{target} is there already")
    file = target.with_name(target.name + ".part")
    try:
        file.unlink(missing_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield file
        file.replace(target)
    except OSError as error:
        raise StorageError(f"can't write {target}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _fill(target: Path, source: Path, progress: Callable[[int, int], None]) -> None:
    with (
        contextlib.closing(sqlite3.connect(source, isolation_level=None)) as old,
        contextlib.closing(sqlite3.connect(target, isolation_level=None)) as new,
    ):
        # One snapshot to the end: without it each commit of others would begin the copy anew.
        old.execute("BEGIN")
        old.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        old.backup(
            new,
            pages=PAGES_AT_ONCE,
            progress=lambda _status, left, total: progress(total - left, total),
        )
        seal(new)


def seal(copy: sqlite3.Connection) -> None:
    """Let a copy be one file, without a log beside. Raises Corrupt where it isn't sound."""
    copy.execute("PRAGMA journal_mode = DELETE")
    if [row[0] for row in copy.execute("PRAGMA quick_check(1)")] != ["ok"]:
        raise Corrupt("the database file is damaged: restore a backup")
