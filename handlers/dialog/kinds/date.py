"""A day, with its year: `12/6/2026`, day first, or `2026-06-12`; # or SKIP skips.

A question's bounds are years here. There is no clock, so a day without a year isn't one.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from handlers.dialog.forms import SKIPPED
from handlers.dialog.kinds.number import HASH_SKIPS
from handlers.dialog.messages import msg
from handlers.dialog.text import read_digits, unmarked
from handlers.dialog.when import ENGLISH

if TYPE_CHECKING:
    from handlers.dialog.forms import Option, Question, Skipped

BY_NUMBER = False

# These also keep out the years of other calendars, such as the Persian 1405 and the Thai 2569.
LEAST_YEAR = 1900
MOST_YEAR = 2100
EXAMPLE_YEAR = 2026

# Slashes and hyphens of several scripts; what else stands between digits, `read_digits` knows.
_BETWEEN = dict.fromkeys(map(ord, "/-\u060d\u2010\u2011\u2012\u2013\u2014\u2212\uff0d\uff0f"), " ")

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


def read(question: Question, options: tuple[Option, ...], text: str) -> str | Skipped | None:
    """See Kind.read."""
    if unmarked(text).strip() == "#":
        return SKIPPED if question.skippable else None
    groups = read_digits(text.translate(_BETWEEN))
    found = _day(groups) if groups is not None else None
    least, most = _years(question)
    return found.isoformat() if found and least <= found.year <= most else None


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
    day = date.fromisoformat(value)
    return f"{day.day} {ENGLISH.months[day.month - 1]} {day.year}"


def choices(
    question: Question, options: tuple[Option, ...], language: str
) -> list[tuple[str, str]]:
    """See Kind.choices."""
    return []


def retry(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.retry."""
    example = _example(question)
    if question.least is None and question.most is None:
        return RETRY.say(language, example=example)
    least, most = _years(question)
    return RETRY_YEARS.say(language, example=example, least=least, most=most)
