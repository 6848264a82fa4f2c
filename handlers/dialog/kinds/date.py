"""A day, with its year: `12/6/2026`, day first, `12 June 2026` or `2026-06-12`; # or SKIP skips.

A question's bounds are years here. There is no clock, so a day without a year isn't one.
"""

from __future__ import annotations

import re
from calendar import month_name
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from handlers.dialog.forms import SKIPPED
from handlers.dialog.kinds.number import HASH_SKIPS, skip_button
from handlers.dialog.messages import msg
from handlers.dialog.text import ascii_digits, fold, read_digits, unmarked
from handlers.dialog.when import NAMES, names_in, say_day

if TYPE_CHECKING:
    from handlers.dialog.forms import Option, Question, Skipped

BY_NUMBER = False
BETWEEN = ""

# These also keep out the years of other calendars, such as the Persian 1405 and the Thai 2569.
LEAST_YEAR = 1900
MOST_YEAR = 2100
EXAMPLE_YEAR = 2026
LEAP_YEAR = 2024  # has every day there is
_LONGEST = 40

# Slashes and hyphens of several scripts; what else stands between digits, `read_digits` knows.
_BETWEEN = dict.fromkeys(map(ord, "/-\u060d\u2010\u2011\u2012\u2013\u2014\u2212\uff0d\uff0f"), " ")

_DOM = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_MONTH = r"(?P<month>[^\W\d_]{3,10})\.?"
_IN_WORDS = tuple(
    re.compile(rf"{day}(?:[ ,]+(?P<year>\d{{4}}|\d\d))?\.?")
    for day in (rf"{_DOM}\.? ?{_MONTH}", rf"{_MONTH} ?{_DOM}")
)

SEND = msg("Send day, month and year, for example {example}.", example="12 6 2026")
RETRY = msg(
    "Sorry, we did not understand. Send day, month and year, for example {example}.",
    example="12 6 2026",
)
RETRY_YEARS = msg(
    "Sorry, we did not understand. Send day, month and year, for example {example}."
    " The year is from {least} to {most}.",
    example="12 6 2026", least="1900", most="2100",
)  # fmt: skip


def values(question: Question) -> tuple[str, ...] | None:
    """See Kind.values."""
    return ()


def wrong(question: Question) -> str:
    """Return what is wrong with the bounds, "" for nothing."""
    least, most = _years(question)
    right = 1 <= least <= most <= 9999 and not question.unit
    return "" if right else "least and most are years, and there is no unit"


def read(question: Question, options: tuple[Option, ...], text: str) -> str | Skipped | None:
    """See Kind.read."""
    if unmarked(text).strip() == "#":
        return SKIPPED if question.skippable else None
    groups = _groups(text)
    found = _day(groups) if groups is not None else None
    least, most = _years(question)
    return found.isoformat() if found and least <= found.year <= most else None


def like(text: str) -> bool:
    """Tell whether a text is a day, with its year or without."""
    groups = _groups(text)
    if groups is None or not 2 <= len(groups) <= 3:
        return False
    return _day(groups if len(groups) == 3 else [*groups, str(LEAP_YEAR)]) is not None


def _groups(text: str) -> list[str] | None:
    """Return the numbers of which a day is made, its month's too; None for other words."""
    words = fold(ascii_digits(unmarked(text))) if len(text) <= _LONGEST else ""
    for way in _IN_WORDS:
        found = way.fullmatch(words)
        month = found and _month(found["month"])
        if found and month:
            return [found["day"], month, *([found["year"]] if found["year"] else [])]
    return read_digits(text.translate(_BETWEEN))


def _month(word: str) -> str | None:
    """Return a month's number by its English name or its beginning, or as we write it ourselves."""
    months = [name.lower() for name in month_name[1:]]
    said = next((at for at, name in enumerate(months, 1) if name.startswith(word)), None)
    return str(said) if said else _months().get(word)


@cache
def _months() -> dict[str, str]:
    return {
        fold(name): str(at) for names in NAMES.values() for at, name in enumerate(names.months, 1)
    }


def _day(groups: list[str]) -> date | None:
    match [len(group) for group in groups]:
        case [4, 1 | 2, 1 | 2]:  # nobody writes the day between year and month
            year, month, day = map(int, groups)
        case [1 | 2, 1 | 2, 4]:
            day, month, year = map(int, groups)
        case [1 | 2, 1 | 2, 2]:
            day, month, year = map(int, groups)
            year += 2000
        case _:
            return None
    try:
        return date(year, month, day)
    except ValueError:  # a day that the calendar hasn't
        return None


def _years(question: Question) -> tuple[int, int]:
    return (
        LEAST_YEAR if question.least is None else question.least,
        MOST_YEAR if question.most is None else question.most,
    )


def _example(question: Question) -> str:
    """Return a day as it may be typed, which the question takes."""
    least, most = _years(question)
    return f"12 6 {min(max(EXAMPLE_YEAR, least), most)}"


def tail(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.tail."""
    asked = SEND.say(language, example=_example(question))
    return f"{asked} {HASH_SKIPS.say(language)}" if question.skippable else asked


def shown(question: Question, options: tuple[Option, ...], value: str, language: str) -> str:
    """See Kind.shown."""
    return say_day(date.fromisoformat(value), names_in(language))


def choices(
    question: Question, options: tuple[Option, ...], language: str
) -> list[tuple[str, str]]:
    """See Kind.choices."""
    return skip_button(question, language)


def retry(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.retry."""
    example = _example(question)
    if question.least is None and question.most is None:
        return RETRY.say(language, example=example)
    least, most = _years(question)
    return RETRY_YEARS.say(language, example=example, least=least, most=most)
