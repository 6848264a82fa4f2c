"""Which process has a part that only one may have: a locked file beside the database says so."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from storage.errors import Conflict, StorageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has none: there a file is served by one process
    fcntl = None  # type: ignore[assignment]

TRY_SECONDS = 2.0


@contextlib.asynccontextmanager
async def leading(
    path: Path, name: str, *, shared: bool, wait: bool
) -> AsyncIterator[asyncio.Event]:
    """See Database.leading: the system lets go of the file when its process ends."""
    file = _opened(path.with_name(f"{path.name}.{name}.lock"))
    try:
        while not _taken(file, shared=shared):
            if not wait:
                raise Conflict(f"another process has this part: {name}")
            await asyncio.sleep(TRY_SECONDS)
        yield asyncio.Event()  # a file is never lost
    finally:
        os.close(file)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StorageError(f"can't open {path}: {error.strerror}") from error


def _taken(file: int, *, shared: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
