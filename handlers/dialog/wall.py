"""Wall-clock time as instants: what clocks show in a zone, over their changes both ways."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from storage import instant

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo


def first_instant(day: date, minute: int, zone: ZoneInfo) -> int:
    """Return the first instant at which clocks show that minute of that day, or pass it.

    Where clocks are put forward over it, that is the change itself; where they are put
    back over it, the first of the two.
    """
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    late = instant.of(wall.replace(tzinfo=zone))
    if instant.local(late, zone).replace(tzinfo=None) == wall:
        return late
    early = instant.of(wall.replace(tzinfo=zone, fold=1))
    return next_change(early, late, zone)


def next_change(low: int, high: int, zone: ZoneInfo) -> int:
    """Return the instant in (low, high] at which the zone's offset changes; there is one."""
    before = offset(low, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def offset(at: int, zone: ZoneInfo) -> timedelta | None:
    """Return how far the zone's clocks are ahead of UTC at an instant."""
    return instant.local(at, zone).utcoffset()
