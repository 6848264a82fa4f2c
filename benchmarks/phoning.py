"""One person after another writes, by signed webhook, and hears from a provider of our own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from benchmarks.answers import Webhooks
from benchmarks.sink import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE = 60.0
AGAIN = 1.0


class Phoning:
    """Writes as one person at a time, and notes how long each waited for what came back."""

    def __init__(self, port: int) -> None:
        self.waits: list[float] = []
        self._webhooks = Webhooks(port)
        self._port = port
        self._heard: dict[bytes, asyncio.Event] = {}

    @contextlib.asynccontextmanager
    async def provider(self) -> AsyncIterator[int]:
        """Take what is sent to a port of ours, and give the port."""
        phoning = self

        class Provider(Sink):
            """The sink, which also tells whom a message is for."""

            def data_received(self, data: bytes) -> None:
                """Answer it, and tell who hears."""
                phoning.hear(data)
                super().data_received(data)

        server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    def hear(self, data: bytes) -> None:
        """Tell whoever waits for a message."""
        for phone, event in self._heard.items():
            if b"To=%2B" + phone in data:
                event.set()

    async def write(self, number: int, person: int) -> None:
        """Write as a person who is told nothing else, and wait for the reply."""
        phone = f"1202555{person}".encode()
        event = self._heard[phone] = asyncio.Event()
        began = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            taken = await self._taken(number, person)
            while not taken:
                await asyncio.sleep(AGAIN)
                taken = await self._taken(number, person)
        await asyncio.wait_for(event.wait(), PATIENCE)
        self.waits.append(time.perf_counter() - began)
        del self._heard[phone]

    async def _taken(self, number: int, person: int) -> bool:
        """Bring a message; False where the server is busy, so that a provider comes again."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(self._webhooks.answer("fan", number, person))
        status = await asyncio.wait_for(reader.readline(), PATIENCE)
        writer.close()
        assert b" 200 " in status or b" 503 " in status, status
        return b" 200 " in status
