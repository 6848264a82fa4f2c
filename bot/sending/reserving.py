"""Reserving: a stretch of the channel's time, and who of those that wait leaves when in it."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from bot.sending.pace import LATE, Steady, offsets
from storage import pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.channels.base import Traits
    from bot.sending.claiming import Ready
    from storage.database import Tx

# What is left of a message's lateness for the way from our last look to the first byte.
TO_WRITE = 0.012
FIRST_LEAD = 0.010
LONGEST_LEAD = 5.0  # of a database that is slow, but works


@dataclass(frozen=True, slots=True)
class Stretch:
    """The slots of messages that leave one after the other: (leaves_at, late_at) of each.

    It was reserved at `reserved_at`. Instants in seconds of the monotonic clock.
    """

    items: Sequence[Ready]
    slots: Sequence[tuple[float, float]]
    reserved_at: float
    ends_at: float


class Reserver:
    """Reserves the time of one channel, in units of work."""

    def __init__(self, name: str, traits: Traits) -> None:
        self._name = name
        self._traits = traits
        self._steady = Steady()
        self._lead = FIRST_LEAD
        self._until = 0.0

    async def reserve(self, tx: Tx, items: Sequence[Ready], now: int) -> Stretch:
        """Give each message a slot; nothing of it counts unless the unit is committed."""
        sizes = [item.rendered.segments if self._traits.segments else 1 for item in items]
        slots, length = offsets(sizes, self._traits.rate)
        asked = monotonic()
        ahead = await pace.reserve(
            tx, self._name, length, lead_us=round(self._lead * 1_000_000),
            now_us=self._steady.us(now, asked),
        )  # fmt: skip
        begins = asked + max(ahead, 0) / 1_000_000
        # The database's clock was read somewhen in between: so nothing is early, or late by it.
        unsure = 0.0 if tx.engine == "sqlite" else monotonic() - asked
        if self._until - begins > LATE:
            begins = self._until  # that clock was put forward
        last = begins + LATE - TO_WRITE
        return Stretch(
            items,
            [(begins + unsure + slot / 1_000_000, last + slot / 1_000_000) for slot in slots],
            asked,
            begins + length / 1_000_000,
        )

    def committed(self, stretch: Stretch) -> None:
        """Hear that it counts from now on: so long ahead the next one must begin at least."""
        self._until = stretch.ends_at
        took = min(monotonic() - stretch.reserved_at, LONGEST_LEAD)
        self._lead = (self._lead + took) / 2

    async def pause(self, tx: Tx, wait_ms: int, now: int) -> None:
        """Let nothing leave on the channel for so long, by whatever process."""
        now_us = self._steady.us(now, monotonic())
        await pace.pause(tx, self._name, wait_ms * 1_000, now_us=now_us)
