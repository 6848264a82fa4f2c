"""Outbound: a broadcast through each driver, every status durable, beside a bare loop."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import uvloop
from telegram import Bot
from telegram.request import HTTPXRequest

from benchmarks import broadcast
from benchmarks.broadcast import TEXT
from benchmarks.engines import ENGINES, storage
from benchmarks.place import SID, configure, free_port, server, sink

RECIPIENTS = 50_000
IN_FLIGHT = 64  # as configured in benchmarks.place
PTB_SENDS = 1_500
RATE = 10_000
NAMES = {"sms": "twilio", "telegram": "telegram"}


def measure() -> dict[str, float]:
    """Return the rates of both drivers on each engine, of bare loops, and of PTB's transport."""
    with sink() as port:
        best = max(uvloop.run(_ptb(port, at_once)) for at_once in (1, 8, 32))
    figures = {"ptb_default_best_per_s": best}
    for channel, name in NAMES.items():
        for engine in ENGINES:
            rate, floor = _channel(channel, engine)
            figures[f"outbound_{name}_floor_per_s_{engine}"] = floor
            figures[f"outbound_{name}_per_s_{engine}"] = rate
            figures[f"outbound_{name}_ratio_{engine}"] = rate / floor
            if channel == "telegram":
                figures[f"telegram_over_ptb_ratio_{engine}"] = rate / best
    return figures


def _channel(channel: str, engine: str) -> tuple[float, float]:
    """Return what the program sends a second on a channel, and what a bare loop does.

    The loop runs before and after, as other work on the machine comes and goes.
    """
    with tempfile.TemporaryDirectory() as name, sink() as sinks, storage(engine) as url:
        folder, port = Path(name), free_port()
        configure(folder, port, sinks, RATE, channel, url=url)
        broadcast.fill(folder, channel, RECIPIENTS)
        before = uvloop.run(_bare(channel, sinks))
        with server(folder, port):
            time.sleep(1)
            rate = RECIPIENTS / broadcast.send(folder, RECIPIENTS)
        after = uvloop.run(_bare(channel, sinks))
    return rate, (before + after) / 2


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
