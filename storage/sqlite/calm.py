"""How long a writer has had little to do: a large file is written anew when nobody waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 1.0
# What the clock's own jobs take is far less.
LITTLE = 0.05


class Calm:
    """Looks at a writer's work second by second. `time` is in seconds, and only goes on."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._since = self._window_at = time()
        self._worked = 0.0

    def worked(self, seconds: float) -> None:
        """Take note that the writer has just worked for so long."""
        now = self._time()
        if now - self._window_at >= WINDOW:
            self._window_at, self._worked = now, 0.0
        self._worked += seconds
        if self._worked > LITTLE:
            self._since = now

    def seconds(self) -> float:
        """Return for how long it has been calm."""
        return self._time() - self._since
