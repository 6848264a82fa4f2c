"""When it is polite to write: quiet hours, caps and the month of the budget.

Pure, and one for the preview and for the sender, so that what is told is what is done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from handlers.dialog.wall import first_instant, next_change, offset
from storage import instant
from storage.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

_WINDOW = re.compile(r"(\d\d?):(\d\d) ?[-\u2013] ?(\d\d?):(\d\d)")
_MINUTES = 24 * 60
_WEEK = timedelta(days=6)  # with today: seven days
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of silence by the member's clock, in minutes of the day; `begin` = `end`: none."""

    begin: int = 0
    end: int = 0

    @classmethod
    def parse(cls, text: str) -> Quiet:
        """Read `20:00-08:00`, or nothing for none. Raises BadConfig."""
        if not text.strip():
            return cls()
        found = _WINDOW.fullmatch(text.strip())
        if not found:
            raise BadConfig(f"{text!r} is not quiet hours. Write for example 20:00-08:00.")
        begin, end = _minute(found[1], found[2]), _minute(found[3], found[4])
        if begin == end:
            raise BadConfig(f"{text!r} would be quiet all day. Write for example 20:00-08:00.")
        return cls(begin, end)

    def holds(self, wall: datetime) -> bool:
        """Whether it is quiet when clocks show this."""
        minute = wall.hour * 60 + wall.minute
        return (minute - self.begin) % _MINUTES < (self.end - self.begin) % _MINUTES


def _minute(hours: str, minutes: str) -> int:
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > _MINUTES:
        raise BadConfig(f"There is no time {hours}:{minutes}. Quiet hours are like 20:00-08:00.")
    return minute % _MINUTES


@dataclass(frozen=True, slots=True)
class Manners:
    """What the configuration asks for; 0 is no limit. Segments are a month's SMS budget."""

    quiet: Quiet = Quiet(20 * 60, 8 * 60)
    per_day: int = 1
    per_week: int = 2
    monthly_segments: int = 0
    ttl_ms: int = 48 * instant.HOUR
    replies_per_hour: int = 20
    replies_per_day: int = 60


def quiet_until(now: int, zone: ZoneInfo, quiet: Quiet) -> int:
    """Return the instant at which the present quiet hours end; 0 when it is not quiet."""
    minute = now // instant.MINUTE
    return _quiet_until(minute, zone, quiet)


@lru_cache(maxsize=4096)
def _quiet_until(minute: int, zone: ZoneInfo, quiet: Quiet) -> int:
    begin = at = minute * instant.MINUTE
    while quiet.holds(wall := instant.local(at, zone)):
        left = (quiet.end - wall.hour * 60 - wall.minute) % _MINUTES
        end = at + left * instant.MINUTE
        # Clocks that change on the way may end the quiet early, or show the hour again.
        at = end if offset(end, zone) == offset(at, zone) else next_change(at, end, zone)
    return at if at > begin else 0


def capped_until(
    now: int, zone: ZoneInfo, sent: Sequence[int], per_day: int, per_week: int, quiet: Quiet
) -> int:
    """Return when one more unsolicited message fits; 0 for now.

    `sent` are the instants of earlier ones, in any order. They count by the member's
    calendar day, and over the seven days that end with it. What is returned is the start of
    the first day on which it fits, moved out of the quiet hours.
    """
    limits = [limit for limit in (per_day, per_week) if limit]
    if not limits or len(sent) < min(limits):
        return 0
    days = [instant.local(at, zone).date() for at in sent]
    today = instant.local(now, zone).date()
    if _fits(today, days, per_day, per_week):
        return 0
    day = today + _DAY
    while not _fits(day, days, per_day, per_week):
        day += _DAY
    start = first_instant(day, 0, zone)
    return quiet_until(start, zone, quiet) or start


def _fits(day: date, days: list[date], per_day: int, per_week: int) -> bool:
    in_week = sum(day - _WEEK <= earlier <= day for earlier in days)
    return (not per_day or days.count(day) < per_day) and (not per_week or in_week < per_week)


def month_start(now: int, zone: ZoneInfo) -> int:
    """Return the first instant of the present calendar month."""
    return first_instant(instant.local(now, zone).date().replace(day=1), 0, zone)


def next_month(now: int, zone: ZoneInfo) -> int:
    """Return the first instant of the next calendar month."""
    first = instant.local(now, zone).date().replace(day=1)
    return first_instant((first + timedelta(days=31)).replace(day=1), 0, zone)


def day_start(now: int, zone: ZoneInfo) -> int:
    """Return the first instant of the present calendar day."""
    return first_instant(instant.local(now, zone).date(), 0, zone)
