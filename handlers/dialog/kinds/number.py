"""A whole number, with bounds and a unit; 0 is a value, # or SKIP skips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.forms import SKIPPED
from handlers.dialog.messages import msg
from handlers.dialog.text import digits

if TYPE_CHECKING:
    from handlers.dialog.forms import Option, Question, Skipped

BY_NUMBER = True
BETWEEN = ""

MOST_DIGITS = 12
MOST_BUTTONS = 8
LONGEST_UNIT = 12

SEND = msg("Send a number.")
SEND_UNIT = msg("Send a number ({unit}).", unit="U" * LONGEST_UNIT)
HASH_SKIPS = msg("# skips.")
SKIP_LABEL = msg("Skip")
RETRY = msg(
    "Sorry, we did not understand. Send only a number from {least} to {most}. Example: {least}.",
    least="1000000", most="1000000",
)  # fmt: skip
RETRY_OPEN = msg("Sorry, we did not understand. Send only a number. Example: 12.")


def values(question: Question) -> tuple[str, ...] | None:
    """See Kind.values."""
    return None


def wrong(question: Question) -> str:
    """Return what is wrong with the bounds or the unit, "" for nothing."""
    least = question.least or 0
    if least < 0 or (question.most is not None and question.most < least):
        return "least is 0 or more, and most not below it"
    too_long = len(question.unit) > LONGEST_UNIT
    return f"a unit has at most {LONGEST_UNIT} characters" if too_long else ""


def read(question: Question, options: tuple[Option, ...], text: str) -> str | Skipped | None:
    """See Kind.read."""
    if text.strip() == "#":
        return SKIPPED if question.skippable else None
    found = digits(text)
    if found is None or len(found) > MOST_DIGITS:
        return None
    number = int(found)
    low = question.least if question.least is not None else 0
    if number < low or (question.most is not None and number > question.most):
        return None
    return str(number)


def tail(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.tail."""
    asked = SEND_UNIT.say(language, unit=question.unit) if question.unit else SEND.say(language)
    return f"{asked} {HASH_SKIPS.say(language)}" if question.skippable else asked


def shown(question: Question, options: tuple[Option, ...], value: str, language: str) -> str:
    """See Kind.shown."""
    return f"{value} {question.unit}".strip()


def choices(
    question: Question, options: tuple[Option, ...], language: str
) -> list[tuple[str, str]]:
    """See Kind.choices: a number each, where there are few."""
    low = question.least or 0
    found: list[tuple[str, str]] = []
    if question.most is not None and question.most - low < MOST_BUTTONS:
        numbers = map(str, range(low, question.most + 1))
        found = [(shown(question, options, number, language), number) for number in numbers]
    return [*found, *skip_button(question, language)]


def skip_button(question: Question, language: str) -> list[tuple[str, str]]:
    """Return the button that skips a question in which 0 is a value."""
    return [(SKIP_LABEL.say(language), "#")] if question.skippable else []


def retry(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.retry."""
    if question.most is None:
        return RETRY_OPEN.say(language)
    return RETRY.say(language, least=question.least or 0, most=question.most)
