"""One of several options, answered by its digit; 0 skips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.catalogues import between
from handlers.dialog.forms import SKIPPED, said
from handlers.dialog.messages import msg
from handlers.dialog.text import digits

if TYPE_CHECKING:
    from handlers.dialog.forms import Option, Question, Skipped
    from handlers.dialog.messages import Message

BY_NUMBER = True
BETWEEN = ""
OFFERS = (2, 3, 4)

SKIP = msg("0 Skip.")
SEND_NUMBER = msg("Send one number.")
RETRY = msg(
    "Sorry, we did not understand. Send only one number from 1 to {most}. Example: 2.", most="8"
)
RETRY_SKIP = msg(
    "Sorry, we did not understand. Send only one number from 1 to {most}. Example: 2."
    " Send 0 to skip, HELP for help.",
    most="8",
)
SKIP_LABEL = msg("Skip")


def values(question: Question) -> tuple[str, ...] | None:
    """See Kind.values."""
    return tuple(option.value for option in question.options)


def read(question: Question, options: tuple[Option, ...], text: str) -> str | Skipped | None:
    """See Kind.read."""
    found = digits(text)
    if found is None or len(found) > 3:
        return None
    number = int(found)
    if number == 0:
        return SKIPPED if question.skippable else None
    return options[number - 1].value if number <= len(options) else None


def tail(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.tail."""
    return listed(question, options, language, SEND_NUMBER)


def listed(question: Question, options: tuple[Option, ...], language: str, how: Message) -> str:
    """Return the options with their numbers, whether they can be skipped, and how to answer."""
    parts = [f"{n} {said(o.text, language)}" for n, o in enumerate(options, 1)]
    if question.skippable:
        parts.append(SKIP.say(language))
    return between(language).join([*parts, how.say(language)])


def shown(question: Question, options: tuple[Option, ...], value: str, language: str) -> str:
    """See Kind.shown."""
    for number, option in enumerate(options, 1):
        if option.value == value:
            return f"{number} {said(option.text, language)}"
    return value


def choices(
    question: Question, options: tuple[Option, ...], language: str
) -> list[tuple[str, str]]:
    """See Kind.choices."""
    found = [(f"{n} {said(o.text, language)}", str(n)) for n, o in enumerate(options, 1)]
    if question.skippable:
        found.append((f"0 {SKIP_LABEL.say(language)}", "0"))
    return found


def retry(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.retry."""
    message = RETRY_SKIP if question.skippable else RETRY
    return message.say(language, most=len(options))
