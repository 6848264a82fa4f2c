"""Lanes: messages to one address leave one after the other, those to others pass by."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sending.claiming import Ready


class Lanes:
    """Hands out messages in their order, of one address never two at once.

    `out` is called with each that may go, and tells whether it is still wanted. Whoever takes
    it must `let_go` of it, sent or not, or the lane stands still.
    """

    def __init__(self, gap_ms: int, out: Callable[[Ready], bool]) -> None:
        self._gap = gap_ms / 1_000
        self._out = out
        # What waits behind the one that was handed out, or is about to be, by address.
        self._behind: dict[str, deque[Ready]] = {}
        # Lanes in their gap that nothing waits in, and until when. A timer for each would cost
        # more than the rest of this file.
        self._resting: OrderedDict[str, float] = OrderedDict()

    def is_free(self, to: str) -> bool:
        """Tell whether the next message to an address would be handed out at once."""
        now = monotonic()
        while self._resting and next(iter(self._resting.values())) <= now:
            rested, _ = self._resting.popitem(last=False)
            del self._behind[rested]
        return to not in self._behind

    def put(self, item: Ready) -> None:
        """Add a message at the end of its lane."""
        to = item.row.to
        if self.is_free(to):
            self._behind[to] = deque()
            self._out(item)
            return
        self._behind[to].append(item)
        if (until := self._resting.pop(to, None)) is not None:
            self._next_in(until - monotonic(), to)

    def let_go(self, item: Ready, *, left: bool) -> None:
        """Let the next one of a lane go, after the channel's gap where this one did leave."""
        to = item.row.to
        if not left or not self._gap:
            self._next(to)
        elif self._behind[to]:
            self._next_in(self._gap, to)
        else:
            self._resting[to] = monotonic() + self._gap

    def _next_in(self, seconds: float, to: str) -> None:
        asyncio.get_running_loop().call_later(max(seconds, 0.0), self._next, to)

    def _next(self, to: str) -> None:
        lane = self._behind[to]
        while lane:
            if self._out(lane.popleft()):
                return
        del self._behind[to]
