"""Pace: by the instants at which requests are written, no second exceeds the rate."""

from __future__ import annotations

import asyncio
from collections import deque

# A write follows its turn by a little that varies: so much longer than a second is the window.
MARGIN = 0.010


class Pace:
    """One channel's pace within this process, beside the instants the claims reserve."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._window = 1.0 + MARGIN
        self._written: deque[tuple[float, int]] = deque()
        self._cost = 0
        self._turns = asyncio.Lock()
        self._paused_until = 0.0

    def pause(self, seconds: float) -> None:
        """Let nothing leave for a while."""
        until = asyncio.get_running_loop().time() + seconds
        self._paused_until = max(self._paused_until, until)

    async def turn(self, units: int) -> None:
        """Return when a message of so many units may be written, in the order of calls."""
        async with self._turns:
            loop = asyncio.get_running_loop()
            while (wait := self._wait(units, loop.time())) > 0:
                await asyncio.sleep(wait)
            self._written.append((loop.time(), units))
            self._cost += units

    def _wait(self, units: int, now: float) -> float:
        if now < self._paused_until:
            return self._paused_until - now
        while self._written and self._written[0][0] + self._window <= now:
            self._cost -= self._written.popleft()[1]
        # A message larger than the rate goes alone.
        if not self._written or self._cost + units <= self._rate:
            return 0.0
        return max(self._written[0][0] + self._window - now, 0.0005)
