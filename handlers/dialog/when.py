"""Times as people write and read them: `fri 6pm`, `2h`, `2026-12-01 18:00`.

Pure: `now` and the zone are arguments.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from handlers.dialog.text import ascii_digits, unmarked
from handlers.dialog.wall import first_instant
from storage import instant
from storage.errors import BadWhen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from zoneinfo import ZoneInfo

EXAMPLES = "Write for example 2h, 18:00, fri 6pm or 2026-12-01 18:00."
_FARTHEST_YEARS = 10
_END_OF_DAY = 23 * 60 + 59


# A day with its year that is longer than this is written in numbers.
_LONGEST_DAY = 11


@dataclass(frozen=True, slots=True)
class Names:
    """How a language writes times: Monday and January first, and the halves of the day."""

    days: tuple[str, ...]
    months: tuple[str, ...]
    halves: tuple[str, str]


# As people write them in messages, and so short that no instant has more than 18 characters.
NAMES = {
    "en": Names(
        days=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        months=(
            *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
            *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        ),
        halves=("am", "pm"),
    ),
    "es": Names(
        days=("lun", "mar", "mié", "jue", "vie", "sáb", "dom"),
        months=(
            *("ene", "feb", "mar", "abr", "may", "jun"),
            *("jul", "ago", "sep", "oct", "nov", "dic"),
        ),
        halves=("am", "pm"),
    ),
    "ar": Names(
        days=("الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد"),
        months=(
            *("يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو"),
            *("يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"),
        ),
        halves=("ص", "م"),
    ),
}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)

_UNITS = {"m": instant.MINUTE, "h": instant.HOUR, "d": instant.DAY, "w": 7 * instant.DAY}
_PART = r"(\d{1,6}) ?(m|min|minutes?|h|hours?|d|days?|w|weeks?)"
_SPAN = re.compile(rf"(?:in )?{_PART}(?: ?{_PART})*")
_PARTS = re.compile(_PART)
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[t ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?(z|[+-]\d\d(?::?\d\d)?)"
)
_DAY = re.compile(
    r"(?:(?P<iso>\d{4}-\d\d-\d\d)|(?P<dom>\d{1,2}) (?P<month>[a-z]{3,9})(?: (?P<year>\d{4}))?"
    r"|(?P<name>[a-z]{3,9}))(?=t\d|,? |$)"
)
_CLOCK = re.compile(
    r"(?:t|,? at |,? |at )?(?:(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
    r"|(?P<hour12>\d\d?)(?::(?P<minute12>\d\d))? ?(?P<half>[ap])m)"
)


def read_when(text: str, now: int, zone: ZoneInfo) -> int:
    """Return the instant that the text names, always after `now`.

    An ISO 8601 instant with an offset; a local time in the zone; a day, which ends at 23:59;
    a time of day, which is its next one; a weekday or a date without a year, likewise; a
    span from now. Raises BadWhen, in words for whoever wrote it.
    """
    words = " ".join(ascii_digits(unmarked(text)).casefold().split())
    try:
        at = _read(words, now, zone)
    except ValueError:
        at = None
    if at is None:
        shown = words if len(words) <= 24 else words[:21] + "..."
        raise BadWhen(f"I can't read '{shown}' as a time. {EXAMPLES}")
    if at <= now:
        raise BadWhen("that time is past")
    if at - now > _FARTHEST_YEARS * 366 * instant.DAY:
        raise BadWhen("that time is too far away")
    return at


def read_span(text: str) -> int | None:
    """Return the milliseconds of a span such as `90m`, `2h`, `1d 12h` or `1w`, else None."""
    words = " ".join(ascii_digits(text).casefold().split())
    if not _SPAN.fullmatch(words):
        return None
    return sum(int(count) * _UNITS[unit[0]] for count, unit in _PARTS.findall(words))


def _read(words: str, now: int, zone: ZoneInfo) -> int | None:
    span = read_span(words)
    if span is not None:
        return now + span
    if exact := _INSTANT.fullmatch(words):
        return instant.of(datetime.fromisoformat(f"{exact[1]}T{exact[2]}{exact[3].upper()}"))
    today = instant.local(now, zone).date()
    day = _DAY.match(words)
    days = _days(day, today) if day else [today, today + timedelta(days=1)]
    rest = words[day.end() :] if day else words
    if day and not rest:
        minute, seconds = _END_OF_DAY, 0
    elif clock := _CLOCK.fullmatch(rest):
        minute, seconds = _minute(clock), int(clock["second"] or 0)
    else:
        return None
    return _first_after(now, days, minute, seconds, zone)


def _first_after(
    now: int, days: Iterable[date], minute: int, seconds: int, zone: ZoneInfo
) -> int | None:
    at = None
    this_year = instant.local(now, zone).year
    for day in days:
        # The calendar ends at the years 1 and 9999, where zones can't be applied.
        year = min(max(day.year, this_year - 1), this_year + _FARTHEST_YEARS + 2)
        near = day if year == day.year else date(year, 1, 1)
        at = first_instant(near, minute, zone) + seconds * instant.SECOND
        if at > now:
            break
    return at


def _minute(clock: re.Match[str]) -> int:
    """Return the minute of the day. Raises ValueError for one that no clock shows."""
    if clock["half"]:
        hour, minute = int(clock["hour12"]), int(clock["minute12"] or 0)
        fits = 1 <= hour <= 12
        hour = hour % 12 + (12 if clock["half"] == "p" else 0)
    else:
        hour, minute = int(clock["hour"]), int(clock["minute"])
        fits = hour <= 23 and int(clock["second"] or 0) <= 59
    if not fits or minute > 59:
        raise ValueError
    return hour * 60 + minute


def _days(found: re.Match[str], today: date) -> list[date]:
    """Return the days that are meant, soonest first. Raises ValueError for none."""
    if found["iso"]:
        return [date.fromisoformat(found["iso"])]
    if found["name"] in {"today", "tomorrow"}:
        return [today + timedelta(days=found["name"] == "tomorrow")]
    if found["name"]:
        ahead = (_position(found["name"], _WEEKDAYS) - today.weekday()) % 7
        return [today + timedelta(days=ahead), today + timedelta(days=ahead + 7)]
    month, dom = _position(found["month"], _MONTHS) + 1, int(found["dom"])
    if found["year"]:
        return [date(int(found["year"]), month, dom)]
    # Leap days are at most eight years apart.
    years = range(today.year, today.year + 9)
    return [date(year, month, dom) for year in years if dom <= monthrange(year, month)[1]]


def _position(word: str, names: Sequence[str]) -> int:
    """Return which of the names the word begins. Raises ValueError for none."""
    return [name.startswith(word) for name in names].index(True)


def names_in(language: str) -> Names:
    """Return how a language writes times; the English way where we don't know its own."""
    return NAMES.get(language.partition("_")[0], NAMES["en"])


def say_day(day: date, names: Names) -> str:
    """Return a day with its year: `12 Jun 2026`, or in numbers where its month's name is long."""
    said = f"{day.day} {names.months[day.month - 1]} {day.year}"
    return said if len(said) <= _LONGEST_DAY else f"{day.day}/{day.month}/{day.year}"


def say_when(at: int, now: int, zone: ZoneInfo, language: str = "en") -> str:
    """Return an instant in few characters: `Fri 6pm`, `Fri 18:30`, `12 Jun 10am`.

    The weekday within the coming six days, else the date, with its year when far off. Noon
    and midnight are 12:00 and 00:00, since 12pm is misread.
    """
    return _said(at, now // instant.MINUTE, zone, language)


@lru_cache(maxsize=1_024)
def _said(at: int, minute: int, zone: ZoneInfo, language: str) -> str:
    names = names_in(language)
    wall, today = instant.local(at, zone), instant.local(minute * instant.MINUTE, zone).date()
    away = (wall.date() - today).days
    if 0 <= away <= 6:
        day = names.days[wall.weekday()]
    elif abs(away) > 300:
        day = say_day(wall.date(), names)
    else:
        day = f"{wall.day} {names.months[wall.month - 1]}"
    if wall.minute == 0 and wall.hour % 12:
        return f"{day} {wall.hour % 12}{names.halves[wall.hour // 12]}"
    return f"{day} {wall:%H:%M}"
