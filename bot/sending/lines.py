"""Lines: how many messages are on their way at once, and how many more could be soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sending.pace import LATE

if TYPE_CHECKING:
    import asyncio

PLENTY = 6


class Lines:
    """The requests that a channel may have open; `flying` has the row of each that is."""

    def __init__(self, in_flight: int, rate: float) -> None:
        self._in_flight = in_flight
        self._rate = rate
        self._usual = 0.0  # seconds until the provider answers
        self.flying: dict[int, asyncio.Task[None]] = {}

    @property
    def is_free(self) -> bool:
        """Tell whether one more message may leave."""
        return len(self.flying) < self._in_flight

    def soon(self) -> int:
        """Return how many slots can be used: of lines that are free, or will be within LATE."""
        if self._usual * self._rate <= self._in_flight / 2:
            return PLENTY * self._in_flight  # the pace needs few of them
        again = LATE / self._usual  # messages that a line takes by then
        if again <= 1:
            return self._in_flight - len(self.flying) + int(len(self.flying) * again)
        return int(self._in_flight * min(again, PLENTY))

    def answered(self, seconds: float) -> None:
        """Hear how long an answer took."""
        self._usual += (seconds - self._usual) / 16
