"""Putting a copy in the place of a SQLite file, while nobody else has that open."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from storage.errors import Busy, Conflict, Corrupt, StorageError
from storage.sqlite.copying import BESIDE, PAGES_AT_ONCE
from storage.sqlite.errors import ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAIT_SECONDS = 1.0


@contextlib.contextmanager
def alone(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Have a file to oneself: nobody has it open, and whoever comes waits, or is refused.

    Yields None where there is no file, or none that SQLite could lock. What is in its log
    is in the file by then. Raises Conflict where a program has it open; StorageError.
    """
    held = _locked(path) if path.exists() else None
    try:
        yield held
    finally:
        if held is not None:
            held.close()


def _locked(path: Path) -> sqlite3.Connection | None:
    held = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    try:
        held.execute("PRAGMA locking_mode = EXCLUSIVE")
        # Whoever has a file with a log open, idle or not, keeps it from being without one.
        held.execute("PRAGMA journal_mode = DELETE")
        held.execute("BEGIN EXCLUSIVE")
        held.execute("COMMIT")
    except sqlite3.Error as error:
        held.close()
        match ours(error):
            case Corrupt():
                return None
            case Busy():
                raise Conflict(
                    "another program has the database open: stop the server first"
                ) from error
            case found:
                raise found from error
    return held


def replace(
    held: sqlite3.Connection | None,
    path: Path,
    copy: Path,
    aside: Path,
    progress: Callable[[int, int], None],
) -> bool:
    """Put `copy` in the place of a file had alone, which is kept `aside`; False without one.

    All of it, or nothing: SQLite writes it as one transaction, so that a program that waits
    for the file finds the new one. `progress(done, total)` in pages. Raises StorageError.
    """
    try:
        if held is not None and _write_over(held, copy, aside, progress):
            return True
        return _rename(path, copy, aside)
    except sqlite3.Error as error:
        raise ours(error) from error
    except OSError as error:
        raise StorageError(f"can't write {error.filename}: {error.strerror}") from error


def _write_over(
    held: sqlite3.Connection, copy: Path, aside: Path, progress: Callable[[int, int], None]
) -> bool:
    """Copy one file aside and the other into its place; False where it is too damaged for that."""
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(aside)) as kept:
            _pages(held, kept, progress)
        with contextlib.closing(sqlite3.connect(copy)) as new:
            _pages(new, held, progress)
    except BaseException as error:
        aside.unlink()
        if isinstance(error, sqlite3.Error) and isinstance(ours(error), Corrupt):
            held.close()
            return False
        raise
    return True


def _pages(
    old: sqlite3.Connection, new: sqlite3.Connection, progress: Callable[[int, int], None]
) -> None:
    old.backup(
        new,
        pages=PAGES_AT_ONCE,
        progress=lambda _status, left, total: progress(total - left, total),
    )


def _rename(path: Path, copy: Path, aside: Path) -> bool:
    """Let a file that is none of SQLite's, if there is one, and a copy change their names."""
    there = path.exists()
    for ending in ("", *BESIDE):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ending).replace(aside.with_name(aside.name + ending))
    copy.replace(path)
    return there
