"""What an idle server costs: memory, and the time until it serves."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from benchmarks.place import configure, fill, free_port, server, sink


def measure() -> dict[str, float]:
    """Return the memory of a server with both channels, and the seconds it takes to start."""
    with tempfile.TemporaryDirectory() as name, sink() as port_of_sink:
        folder, port = Path(name), free_port()
        configure(folder, port, port_of_sink, 10, "sms", "telegram")
        asyncio.run(_fill(folder))
        with server(folder, port) as served:
            time.sleep(3)
            status = Path(f"/proc/{served.pid}/status").read_text()
            line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
            return {"idle_rss_mib": int(line.split()[1]) / 1_024, "start_s": served.start_s}


async def _fill(folder: Path) -> None:
    await (await fill(folder, "sms", 100)).close()
