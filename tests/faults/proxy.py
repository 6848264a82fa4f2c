"""A way to PostgreSQL that can be cut: also in the middle of a COMMIT, before it or after it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import random

# Where a connection breaks: the COMMIT never arrives, or is done and nobody is told, or is
# done and half of the answer comes.
Cut = Literal["before", "after", "half"]
CUTS: tuple[Cut, ...] = ("before", "after", "half")


class Proxy:
    """Carries bytes both ways. `arm` lets the next COMMIT of any connection go wrong."""

    def __init__(self, port: int, dice: random.Random) -> None:
        self._to = port
        self._dice = dice
        self._armed: list[Cut] = []
        self._open: set[asyncio.StreamWriter] = set()
        self.cuts = 0

    async def start(self) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Let go of everything."""
        self._server.close()
        self.cut_all()

    def arm(self) -> None:
        """Let the next COMMIT that comes by go wrong."""
        self._armed.append(self._dice.choice(CUTS))

    def cut_all(self) -> None:
        """Cut every connection, wherever it stands."""
        for writer in list(self._open):
            self.cuts += 1
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._open.add(writer)
        doomed: list[Cut] = []
        ways = [
            asyncio.create_task(self._there(reader, back, doomed)),
            asyncio.create_task(self._back(there, writer, doomed)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open.discard(writer)
            # What was passed on is done there, whether or not anybody hears of it.
            back.close()
            writer.transport.abort()

    async def _there(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: list[Cut]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self._armed and b"COMMIT" in data:
                    self.cuts += 1
                    doomed.append(self._armed.pop())
                    if doomed == ["before"]:
                        return
                writer.write(data)
                await writer.drain()

    async def _back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: list[Cut]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if doomed:
                    if doomed == ["half"]:
                        writer.write(data[: len(data) // 2])
                        await writer.drain()
                    return
                writer.write(data)
                await writer.drain()
