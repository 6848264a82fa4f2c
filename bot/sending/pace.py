"""Pace: by the instants at which requests are written, no second exceeds the rate. Pure.

A claim reserves a stretch of the channel's time, and each message has a slot in it. Slots stand
a little further apart than the rate asks for, so that a message may be written as late as LATE
after its own and no second sees too much, whichever process wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LATE = 0.030  # seconds after its slot at which a message may be written at last
WINDOW = 1.0 + LATE  # what is written within a second has slots within so many

# How long nothing leaves where the provider does not say: it doubles with each trouble in a row.
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0


def offsets(units: Sequence[int], rate: float) -> tuple[list[int], int]:
    """Return where in a stretch each message's slot is, and how long it is, in microseconds.

    `units` is how much of the rate each message takes. Stretches that follow one another, made
    by whomever, never have more than the rate in the slots of a WINDOW, save for one message
    larger than the rate. To see to it without knowing what came before, the first message waits
    as if each unit of its own but one had come after a stretch full of single units.
    """
    most = max(int(rate), 1)
    window = round(WINDOW * 1_000_000)
    # Rounded up: as many units as the rate allows take a window at least.
    unit = -int(-window // min(rate, most))
    slots: list[int] = []
    at = taken = inside = first = 0
    for size in units:
        needs = min(size, most)
        taken, inside = taken + needs, inside + needs
        at = max(at, (min(taken, most) - 1) * unit)
        while inside > most:
            inside -= min(units[first], most)
            at = max(at, slots[first] + window)
            first += 1
        slots.append(at)
        at += size * unit
    return slots, at


class Steady:
    """A clock in microseconds that is never set back: the wall's, carried on by the loop's."""

    def __init__(self) -> None:
        self._ahead: float | None = None

    def us(self, wall_ms: int, at: float) -> int:
        """Return the instant that it is by the wall's clock, or would be had nobody touched it."""
        ahead = wall_ms / 1_000 - at
        if self._ahead is None or ahead > self._ahead + 1.0:
            self._ahead = ahead  # where the machine slept, or the clock was wrong before
        return round((self._ahead + at) * 1_000_000)


class Pause:
    """For how long nothing at all may leave, as this process knows.

    Instants are seconds of one clock that never goes back, the event loop's.
    """

    def __init__(self) -> None:
        self._until = 0.0
        self._troubles = 0

    def rest(self, now: float) -> float:
        """Return for how long nothing at all may leave."""
        return max(0.0, self._until - now)

    def trouble(self, seconds: float | None, now: float) -> float:
        """Let nothing leave for a while, as long as is asked, and return how long that is.

        Without a word from the provider it grows with each trouble that follows another.
        """
        if seconds is None:
            if now >= self._until:
                self._troubles += 1
            seconds = min(FIRST_PAUSE * 2 ** max(self._troubles - 1, 0), LONGEST_PAUSE)
        self._until = max(self._until, now + seconds)
        return seconds

    def well(self) -> None:
        """Hear that something got through: the next trouble is a first one."""
        self._troubles = 0
