"""Switchboard itself, noting when it writes each message to the provider.

`python -m benchmarks.writing FILE WORDS...` does what `switchboard WORDS...` does, and as it ends
keeps in FILE the instants (JSON, seconds of the machine's monotonic clock).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import ClientRequest

from bot.cli import main

WRITTEN: list[float] = []


def watch() -> None:
    """Note when a request's body has been written, if it carries a message."""
    write = ClientRequest.write_bytes

    async def noted(self: ClientRequest, *given: Any) -> None:  # noqa: ANN401  the library's own
        await write(self, *given)
        if self.url.path.endswith(("/Messages.json", "/sendMessage")):
            WRITTEN.append(time.monotonic())

    ClientRequest.write_bytes = noted  # type: ignore[method-assign]


if __name__ == "__main__":
    watch()
    kept = Path(sys.argv.pop(1))
    try:
        main()
    finally:
        kept.write_text(json.dumps(WRITTEN))
