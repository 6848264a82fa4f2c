"""The ledger: what the providers saw and said, a line of JSON each, in the order it happened.

It is written before the provider answers, and by a process that no run ever kills.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Entry = dict[str, Any]


class Ledger:
    """An append-only file. `watch` is called after each entry."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.watch: Callable[[], None] = lambda: None
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, what: str, **facts: Any) -> None:
        """Add an entry with the instant (seconds of this machine's steady clock)."""
        entry = {"what": what, "at": round(time.monotonic(), 6), **facts}
        os.write(self._file, (json.dumps(entry, ensure_ascii=False) + "\n").encode())
        self.watch()

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)


def read(path: Path) -> list[Entry]:
    """Return every entry, the oldest first, each with its number `n`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) | {"n": n} for n, line in enumerate(lines)]
