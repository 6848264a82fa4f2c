"""Departures: what is about to leave, in the order of its slots, and what has none yet."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sending.claiming import Ready
    from bot.sending.reserving import Stretch

TICK = 0.001  # the event loop's timers are no finer


def turn(item: Ready) -> tuple[int, int]:
    """Return what messages are ordered by: replies before bulk, what was queued first."""
    return item.row.kind, item.row.id


class Departures:
    """Messages that may leave. `due` is called when the next slot has come."""

    def __init__(self, due: Callable[[], None]) -> None:
        self._due = due
        # What has no slot yet, or has lost its own.
        self.waiting: deque[Ready] = deque()
        self.timed: deque[Ready] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, item: Ready) -> None:
        """Add a message, at the end of those with a slot or of those without."""
        (self.timed if item.leaves_at else self.waiting).append(item)

    def first(self, most: int) -> list[Ready]:
        """Return at most so many of those without a slot, in order."""
        return sorted(self.waiting, key=turn)[:most]

    def give(self, stretch: Stretch) -> None:
        """Let messages have their slots; each is to be put next, whether it waited here or not."""
        for item, (leaves_at, late_at) in zip(stretch.items, stretch.slots, strict=True):
            item.leaves_at, item.late_at = leaves_at, late_at
        if self.waiting:
            self.waiting = deque(item for item in self.waiting if not item.leaves_at)

    def lose(self, item: Ready) -> None:
        """Let a message wait for another slot: its own has passed."""
        item.leaves_at = item.late_at = 0.0
        self.waiting.append(item)

    def drop(self, item: Ready) -> bool:
        """Forget a message that does not leave after all; tell whether it was here."""
        for place in (self.waiting, self.timed):
            if item in place:
                place.remove(item)
                return True
        return False

    def next(self) -> Ready | None:
        """Return the first message whose slot has come, and is not lost; it stays first."""
        now = monotonic()
        while self.timed:
            item = self.timed[0]
            if item.leaves_at > now:
                self._wake_in(item.leaves_at - now)
                return None
            if item.late_at >= now:
                return item
            self.lose(self.timed.popleft())
        return None

    def _wake_in(self, seconds: float) -> None:
        """Call `due` then; an earlier call, if one is due, sees to the next."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(seconds, TICK), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._due()

    def stop(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
