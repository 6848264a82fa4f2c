"""The body of a request, read up to a limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Receive

LIMIT: Final = 1 << 20
SECONDS: Final = 15.0  # Twilio gives up by then


class TooLong(Exception):  # it never leaves the doors
    """The body is over the limit."""


class Gone(Exception):
    """The client left before all of the body came."""


class TooSlow(Exception):
    """The client took too long over its body."""


async def read(receive: Receive, limit: int = LIMIT) -> bytes:
    """Return the whole body. Raises TooLong, TooSlow, Gone."""
    try:
        async with asyncio.timeout(SECONDS):
            return await _read(receive, limit)
    except TimeoutError:
        raise TooSlow from None


async def _read(receive: Receive, limit: int) -> bytes:
    event = await receive()
    if event["type"] == "http.request" and not event.get("more_body"):
        body: bytes = event.get("body", b"")
        if len(body) > limit:
            raise TooLong
        return body
    parts: list[bytes] = []
    left = limit
    while event["type"] == "http.request":
        part = event.get("body", b"")
        left -= len(part)
        if left < 0:
            raise TooLong
        parts.append(part)
        if not event.get("more_body"):
            return b"".join(parts)
        event = await receive()
    raise Gone
