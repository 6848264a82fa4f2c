"""Yes or no, answered by 1 or 2; 0 skips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.forms import Option
from handlers.dialog.kinds import choice
from handlers.dialog.messages import msg

if TYPE_CHECKING:
    from handlers.dialog.forms import Question, Skipped

BY_NUMBER = True
BETWEEN = ""

YES = msg("Yes")
NO = msg("No")


def _options(language: str) -> tuple[Option, ...]:
    return (
        Option(value="yes", text={language: YES.say(language)}),
        Option(value="no", text={language: NO.say(language)}),
    )


def values(question: Question) -> tuple[str, ...] | None:
    """See Kind.values."""
    return ("yes", "no")


def read(question: Question, options: tuple[Option, ...], text: str) -> str | Skipped | None:
    """See Kind.read."""
    return choice.read(question, _options("en"), text)


def tail(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.tail."""
    return choice.tail(question, _options(language), language)


def shown(question: Question, options: tuple[Option, ...], value: str, language: str) -> str:
    """See Kind.shown."""
    return choice.shown(question, _options(language), value, language)


def choices(
    question: Question, options: tuple[Option, ...], language: str
) -> list[tuple[str, str]]:
    """See Kind.choices."""
    return choice.choices(question, _options(language), language)


def retry(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.retry."""
    return choice.retry(question, _options(language), language)
