"""aiogram-broadcaster sending one text, run by the peers' own environment.

`python -m benchmarks.peers.broadcasting PORT CHATS MAILERS TEXT` prints JSON: {"seconds", "sent"}.
A mailer sends to one chat after another; several mailers share the chats and run at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram_broadcaster import Broadcaster
from aiogram_broadcaster.contents import TextContent


async def main(port: int, chats: int, mailers: int, text: str) -> None:
    """Send, and say how long it took."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(f"http://127.0.0.1:{port}"))
    async with Bot("1:" + "b" * 35, session=session) as bot:
        broadcaster = Broadcaster(bot)
        made = [
            await broadcaster.create_mailer(
                chats=range(1_000_000 + first, 1_000_000 + chats, mailers),
                content=TextContent(text=text),
            )
            for first in range(mailers)
        ]
        began = time.perf_counter()
        await asyncio.gather(*(mailer.start() for mailer in made))
        seconds = time.perf_counter() - began
    print(
        json.dumps({"seconds": seconds, "sent": sum(len(mailer.chats.success) for mailer in made)})
    )


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:4]), sys.argv[4]))
