"""Pace: by the instants at which requests are written, no second exceeds the rate. Pure.

Instants are seconds of one clock that never goes back, the event loop's.
"""

from __future__ import annotations

from collections import deque

# A write follows its turn by a little that varies: so much longer than a second is the window.
MARGIN = 0.010

# How long nothing leaves where the provider does not say: it doubles with each trouble in a row.
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0


class Pace:
    """One channel's pace within this process, beside the instants the claims reserve."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._window = 1.0 + MARGIN
        self._written: deque[tuple[float, int]] = deque()
        self._cost = 0
        self._paused_until = 0.0
        self._troubles = 0

    def wait(self, units: int, now: float) -> float:
        """Return for how long a message of so many units must wait; 0 when it may be written."""
        if now < self._paused_until:
            return self._paused_until - now
        while self._written and self._written[0][0] + self._window <= now:
            self._cost -= self._written.popleft()[1]
        # A message larger than the rate goes alone.
        if not self._written or self._cost + units <= self._rate:
            return 0.0
        return max(self._written[0][0] + self._window - now, 0.0005)

    def write(self, units: int, now: float) -> None:
        """Count a message that is written now."""
        self._written.append((now, units))
        self._cost += units

    def rest(self, now: float) -> float:
        """Return for how long nothing at all may leave."""
        return max(0.0, self._paused_until - now)

    def trouble(self, seconds: float | None, now: float) -> float:
        """Let nothing leave for a while, as long as is asked, and return how long that is.

        Without a word from the provider it grows with each trouble that follows another.
        """
        if seconds is None:
            if now >= self._paused_until:
                self._troubles += 1
            seconds = min(FIRST_PAUSE * 2 ** max(self._troubles - 1, 0), LONGEST_PAUSE)
        self._paused_until = max(self._paused_until, now + seconds)
        return seconds

    def well(self) -> None:
        """Hear that something got through: the next trouble is a first one."""
        self._troubles = 0
