"""Lanes: messages to one address leave one after the other, those to others pass by."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sending.claiming import Ready


class Lanes:
    """Hands out messages in their order, of one address never two at once.

    Whoever takes one must `let_go` of it, sent or not, or the lane stands still.
    """

    def __init__(self, gap_ms: int) -> None:
        self._gap = gap_ms / 1_000
        self._ready: asyncio.Queue[Ready] = asyncio.Queue()
        # What waits behind the one that was handed out, or is about to be, by address.
        self._behind: dict[str, deque[Ready]] = {}

    def put(self, item: Ready) -> None:
        """Add a message at the end of its lane."""
        lane = self._behind.get(item.row.to)
        if lane is not None:
            lane.append(item)
            return
        self._behind[item.row.to] = deque()
        self._ready.put_nowait(item)

    async def take(self) -> Ready:
        """Return the next message, once there is one."""
        return await self._ready.get()

    def let_go(self, item: Ready, *, left: bool) -> None:
        """Let the next one of a lane go, after the channel's gap where this one did leave."""
        if left and self._gap:
            asyncio.get_running_loop().call_later(self._gap, self._next, item.row.to)
        else:
            self._next(item.row.to)

    def _next(self, to: str) -> None:
        lane = self._behind[to]
        if lane:
            self._ready.put_nowait(lane.popleft())
        else:
            del self._behind[to]
