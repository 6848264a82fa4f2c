"""Outbound: a broadcast through each driver, every status durable, beside a bare loop."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from telegram import Bot
from telegram.request import HTTPXRequest

from benchmarks.place import SID, configure, fill, free_port, server, sink
from bot.alliance import alliance_of
from bot.config import load
from handlers import announce
from storage import audience
from storage.instant import clock
from storage.opening import open_database, place

RECIPIENTS = 10_000
IN_FLIGHT = 64  # as configured in benchmarks.place
PTB_SENDS = 1_500
TEXT = "The meeting about the new water points is on Thursday at ten, at the hall. All come."
RATE = 10_000


def measure() -> dict[str, float]:
    """Return the rates of both drivers, of bare loops, and of PTB's default transport."""
    twilio, twilio_floor = _channel("sms")
    telegram, telegram_floor = _channel("telegram")
    with sink() as port:
        best = max(uvloop.run(_ptb(port, at_once)) for at_once in (1, 8, 32))
    return {
        "outbound_twilio_floor_per_s": twilio_floor,
        "outbound_twilio_per_s": twilio,
        "outbound_twilio_ratio": twilio / twilio_floor,
        "outbound_telegram_floor_per_s": telegram_floor,
        "outbound_telegram_per_s": telegram,
        "outbound_telegram_ratio": telegram / telegram_floor,
        "ptb_default_best_per_s": best,
        "telegram_over_ptb_ratio": telegram / best,
    }


def _channel(name: str) -> tuple[float, float]:
    """Return what the program sends a second on a channel, and what a bare loop does."""
    with tempfile.TemporaryDirectory() as folder_name, sink() as port_of_sink:
        folder, port = Path(folder_name), free_port()
        configure(folder, port, port_of_sink, RATE, name)
        asyncio.run(_fill(folder, name))
        floor = uvloop.run(_bare(name, port_of_sink))
        with server(folder, port):
            time.sleep(1)
            asyncio.run(_announce(folder))
            rate = _until_durable(folder)
    return rate, floor


async def _fill(folder: Path, name: str) -> None:
    await (await fill(folder, name, RECIPIENTS)).close()


async def _announce(folder: Path) -> None:
    """Queue a broadcast from another process than the server's, as the command line does."""
    settings = load(folder / "config.toml")
    database = await open_database(place(settings.storage.url, folder))
    now = clock()
    await database.write(
        lambda tx: announce.announce(
            tx, alliance_of(settings), audience.All(), {"en": TEXT}, at=now, by=None, now=now
        )
    )
    await database.close()


def _until_durable(folder: Path) -> float:
    """Return recipients a second, from the first send until every status is durable."""
    connection = sqlite3.connect(folder / "bench.db", timeout=10)
    query = "SELECT COUNT(*) FROM outbox WHERE status = 'sent'"
    deadline = time.monotonic() + 120
    while connection.execute(query).fetchone()[0] < RECIPIENTS:
        if time.monotonic() > deadline:
            raise RuntimeError("the broadcast did not end within two minutes")
        time.sleep(0.5)  # looking takes time from what is measured
    first, last = connection.execute(
        "SELECT MIN(sent_at), MAX(settled_at) FROM outbox WHERE status = 'sent'"
    ).fetchone()
    connection.close()
    return RECIPIENTS / ((last - first) / 1_000)


async def _bare(name: str, port: int) -> float:
    """Return what a bare aiohttp loop posts a second: the same bodies, as many at once."""
    url, bodies = _bodies(name, port)
    headers = {
        "Content-Type": (
            "application/x-www-form-urlencoded" if name == "sms" else "application/json"
        )
    }
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=IN_FLIGHT), headers=headers
    ) as session:

        async def post() -> None:
            while bodies:
                async with session.post(url, data=bodies.pop()) as answer:
                    await answer.read()

        began = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(IN_FLIGHT)))
        return RECIPIENTS / (time.perf_counter() - began)


def _bodies(name: str, port: int) -> tuple[str, list[bytes]]:
    from urllib.parse import urlencode  # noqa: PLC0415

    if name == "sms":
        url = f"http://127.0.0.1:{port}/2010-04-01/Accounts/{SID}/Messages.json"
        fields = {
            "To": "+12025550000",
            "From": "+15005550006",
            "Body": TEXT,
            "ValidityPeriod": "36000",
            "StatusCallback": f"http://127.0.0.1:{port}/hooks/sms/status?row=1234&attempt=1",
        }
        return url, [urlencode(fields).encode()] * RECIPIENTS
    url = f"http://127.0.0.1:{port}/bot1:{'b' * 35}/sendMessage"
    return url, [json.dumps({"chat_id": 1_000_001, "text": TEXT}).encode()] * RECIPIENTS


async def _ptb(port: int, at_once: int) -> float:
    """Return what python-telegram-bot's default transport sends a second."""
    bot: Any = Bot(
        "1:" + "b" * 35,
        base_url=f"http://127.0.0.1:{port}/bot",
        request=HTTPXRequest(connection_pool_size=at_once, pool_timeout=60),
    )
    left = [TEXT] * PTB_SENDS

    async def post() -> None:
        while left:
            await bot.send_message(1_000_001, left.pop())

    async with bot:
        began = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(at_once)))
        return PTB_SENDS / (time.perf_counter() - began)
