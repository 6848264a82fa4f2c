"""The way in: what a provider posts to our webhooks, again and again until it is answered 200."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import aiohttp

from tests.peers.fake_twilio import TOKEN, sign

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from tests.faults.servers import Server
    from tests.peers.fake_twilio import Fields

PUBLIC_URL = "https://alliance.example.org"
PATIENCE = aiohttp.ClientTimeout(total=1.5, connect=0.5)
AGAIN = 0.05
FORM = "application/x-www-form-urlencoded; charset=utf-8"
AWAY = -1


class Door:
    """Where the servers of a run listen; each request goes to one of those that are up.

    `open` is false once the run is over: what waits is given up.
    """

    def __init__(self, servers: Sequence[Server], dice: random.Random) -> None:
        self._servers = servers
        self._dice = dice
        self._session = aiohttp.ClientSession(timeout=PATIENCE)
        self.is_open = True
        self.waiting = 0
        self.answers: dict[int, int] = {}

    async def close(self) -> None:
        """Post no more."""
        self.is_open = False
        await self._session.close()

    async def deliver(self, url: str, fields: Fields, until: float = 60.0) -> int:
        """Post signed fields until they are taken; return how often that was tried, 0 for never."""
        headers = {
            "X-Twilio-Signature": sign(TOKEN, url.partition("#")[0], fields),
            "Content-Type": FORM,
        }
        body = urlencode(fields).encode()
        path = url.removeprefix(PUBLIC_URL)
        self.waiting += 1
        tries, end = 0, time.monotonic() + until
        try:
            while self.is_open and time.monotonic() < end:
                tries += 1
                status = await self._post(path, body, headers)
                self.answers[status] = self.answers.get(status, 0) + 1
                if status == 200:
                    return tries
                await asyncio.sleep(AGAIN * self._dice.uniform(0.5, 2))
        finally:
            self.waiting -= 1
        return 0

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        """Return the answer's status, or AWAY for no answer."""
        up = [server for server in self._servers if server.is_up and not server.frozen]
        server = self._dice.choice(up or self._servers)
        url = f"http://127.0.0.1:{server.port}{path}"
        try:
            async with self._session.post(url, data=body, headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError):
            return AWAY
