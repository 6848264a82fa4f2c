"""Results: a poll that a million people have answered is counted by type, shown, and closed.

The close happens beside a running server, while people go on writing and hearing.
`RESULTS_PEOPLE` (1000000) says how many.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.crowd import FIRST, MOST, fill, quickly, settle
from benchmarks.engines import ENGINES, storage
from benchmarks.memory import busy
from benchmarks.phoning import Phoning
from benchmarks.place import configure, free_port, server
from bot.alliance import alliance_of
from bot.config import load
from handlers import poll
from storage import answers, audience
from storage.instant import HOUR, clock

if TYPE_CHECKING:
    from storage.database import Database, Tx
    from storage.rounds import Round

PEOPLE = int(os.environ.get("RESULTS_PEOPLE", MOST))
RATE = 100.0
WARM = 10
EVERY = 0.2

# What a million messages with an answer leave behind, and their echoes.
_ANSWERED = """
INSERT INTO answers (round_id, member_id, question, value, at)
    SELECT :round_id, id, 0, CASE id % 3 WHEN 0 THEN '1' WHEN 1 THEN '2' ELSE '3' END,
    CAST(:now AS BIGINT) FROM members ORDER BY id;
INSERT INTO dialogs (member_id, round_id, address_id, question, state, opened_at)
    SELECT id, CAST(:round_id AS BIGINT), id, 0, 'done', CAST(:now AS BIGINT)
    FROM members ORDER BY id;
INSERT INTO inbound (channel, key, address_id, member_id, round_id, kind, text, at)
    SELECT 'sms', 'key' || id, id, id, CAST(:round_id AS BIGINT), 'text', '1',
    CAST(:now AS BIGINT) FROM members ORDER BY id;
INSERT INTO outbox (kind, member_id, address_id, channel, status, text, round_id, attempt,
    provider_id, sent_at, settled_at, queued_at, expires_at)
    SELECT 0, id, id, 'sms', 'delivered', 'Thank you: 2 Price.', CAST(:round_id AS BIGINT), 1,
    'SM' || id, CAST(:now AS BIGINT), CAST(:now AS BIGINT), CAST(:now AS BIGINT),
    CAST(:now AS BIGINT) FROM members ORDER BY id;
UPDATE batches SET state = 'queued' WHERE round_id = :round_id AND created_at <= :now
"""


def measure() -> dict[str, float]:
    """Return on each engine how long counting, showing and closing took, and a reply waited."""
    figures: dict[str, float] = {}
    for engine in os.environ.get("BENCH_ENGINES", ",".join(ENGINES)).split(","):
        with tempfile.TemporaryDirectory() as name, storage(engine) as url:
            found = asyncio.run(_on(Path(name), url))
        figures |= {f"{name}_{engine}": value for name, value in found.items()}
    return figures


async def _on(folder: Path, url: str) -> dict[str, float]:
    port = free_port()
    phoning = Phoning(port)
    async with phoning.provider() as port_of_provider:
        configure(folder, port, port_of_provider, RATE, "sms", url=url)
        database = await fill(folder, PEOPLE)
        round_ = await _answered(folder, database)
        figures = {"results_1m_s": await _count(database, round_)}
        with server(folder, port) as served:
            for number in range(WARM):
                await phoning.write(number, FIRST + PEOPLE - 1 - number)
            phoning.waits.clear()
            before = busy(served.pid)
            writing = asyncio.create_task(_write(phoning))
            figures["close_1m_s"] = (await _command(folder, "close", round_.code))[0]
            assert not writing.done(), writing
            writing.cancel()
            figures["close_busy_s"] = busy(served.pid) - before
            figures["close_reply_wait_ms"] = 1_000 * max(phoning.waits)
            took, printed = await _command(folder, "result", round_.code, "--json")
            shown = json.loads(printed)
            assert sum(option["count"] for option in shown["options"]) == PEOPLE, shown
            assert len(shown["groups"]) == 4, shown
            figures["results_shown_s"] = took
        await database.close()
    return figures


async def _answered(folder: Path, database: Database) -> Round:
    """Open a poll by type that everybody has answered."""
    alliance = alliance_of(load(folder / "config.toml"))
    form = poll.form(alliance, "Which first?", ["Taps", "Price", "Drains"], named=False)
    now = clock()

    async def unit(tx: Tx) -> Round:
        await quickly(tx)
        round_, _ = await poll.poll(
            tx, alliance, audience.All(), form, closes_at=now + 72 * HOUR, by=None, now=now,
            breakdown="type",
        )  # fmt: skip
        for statement in _ANSWERED.split(";"):
            await tx.run(statement.strip(), round_id=round_.id, now=now)
        return round_

    round_ = await database.write(unit)
    await settle(database)
    return round_


async def _count(database: Database, round_: Round) -> float:
    """Count a poll's answers by type; return the seconds."""
    began = time.perf_counter()
    found = await database.read(lambda tx: answers.by_group(tx, round_.id, "type"))
    took = time.perf_counter() - began
    assert sum(sum(counts[0].values()) for counts in found.values()) == PEOPLE, found
    return took


async def _write(phoning: Phoning) -> None:
    """Let one person after another write."""
    number = WARM
    while True:
        await phoning.write(number, FIRST + PEOPLE - 1 - number)
        number += 1
        await asyncio.sleep(EVERY)


async def _command(folder: Path, *words: str) -> tuple[float, bytes]:
    """Run a command; return the seconds it took, and what it printed."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words, "-c", str(folder / "config.toml"),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed
    return time.perf_counter() - began, printed
