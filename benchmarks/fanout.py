"""Fan-out: a broadcast to a million members is queued, while people go on writing and hearing.

A server runs as it would, the broadcast comes from the command line, the messages by signed
webhooks, and their replies are seen where a provider would see them. `FANOUT_PEOPLE` (1000000)
says how many.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.crowd import FIRST, MOST, fill
from benchmarks.engines import ENGINES, storage
from benchmarks.memory import Memory, busy
from benchmarks.phoning import Phoning
from benchmarks.place import configure, free_port, server
from storage.instant import clock

if TYPE_CHECKING:
    from storage.database import Database

PEOPLE = int(os.environ.get("FANOUT_PEOPLE", MOST))
RATE = 100.0
WARM = 10
EVERY = 0.2
LONGEST = 300.0


def measure() -> dict[str, float]:
    """Return on each engine how long it took, what memory it cost, and how long replies waited."""
    figures: dict[str, float] = {}
    for engine in os.environ.get("BENCH_ENGINES", ",".join(ENGINES)).split(","):
        with tempfile.TemporaryDirectory() as name, storage(engine) as url:
            found = asyncio.run(_on(Path(name), url))
        figures |= {f"fanout_{name}_{engine}": value for name, value in found.items()}
    return figures


async def _on(folder: Path, url: str) -> dict[str, float]:
    port = free_port()
    phoning = Phoning(port)
    async with phoning.provider() as port_of_provider:
        configure(folder, port, port_of_provider, RATE, "sms", url=url)
        database = await fill(folder, PEOPLE)
        with server(folder, port) as served:
            for number in range(WARM):  # what a server learns once, it keeps
                await phoning.write(number, FIRST + PEOPLE - 1 - number)
            phoning.waits.clear()
            memory, before = Memory(served.pid), busy(served.pid)
            writing = asyncio.create_task(_write(phoning))
            announcing = asyncio.create_task(_announce(folder))
            queued_s = await _queued(database)
            busy_s = busy(served.pid) - before
            assert not writing.done(), writing
            writing.cancel()
            told_s = await announcing
            growth = memory.growth()
        await database.close()
    return {
        "1m_s": queued_s,
        "busy_s": busy_s,
        "announce_s": told_s,
        "rss_growth_mib": growth,
        "reply_wait_ms": 1_000 * max(phoning.waits),
    }


async def _write(phoning: Phoning) -> None:
    """Let one person after another write, those who are told last."""
    number = WARM
    while True:
        await phoning.write(number, FIRST + PEOPLE - 1 - number)
        number += 1
        await asyncio.sleep(EVERY)


async def _announce(folder: Path) -> float:
    """Announce something to everybody; return how long it took until the number was printed."""
    began = asyncio.get_running_loop().time()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "announce", "Water is off on Friday.", "--yes",
        "-c", str(folder / "config.toml"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert printed.strip() == b"1", printed
    return asyncio.get_running_loop().time() - began


async def _queued(database: Database) -> float:
    """Wait until the broadcast is queued to all; return the seconds since it was due."""
    async with asyncio.timeout(LONGEST):
        while True:
            found = await database.read(
                lambda tx: tx.rows("SELECT state, recipients, due_at FROM batches")
            )
            if found and found[0][0] == "queued":
                assert found[0][1] == PEOPLE, found
                return (clock() - int(found[0][2])) / 1_000
            await asyncio.sleep(0.05)
