"""Any of several options, answered by their digits: `1 3`, `1,3` or `13`; 0 alone skips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.forms import SKIPPED
from handlers.dialog.kinds import choice
from handlers.dialog.messages import msg
from handlers.dialog.text import read_digits

if TYPE_CHECKING:
    from collections.abc import Collection

    from handlers.dialog.forms import Option, Question, Skipped

BY_NUMBER = False

BETWEEN = ","  # the values of one answer, as they are kept: no option's value has a comma

# The example can be read wherever there is something to choose: two options are enough.
SEND_ALL = msg("Send all that apply, for example 1 2.")
RETRY = msg(
    "Sorry, we did not understand. Send all numbers that apply, from 1 to {most}. Example: 1 2.",
    most="8",
)
RETRY_SKIP = msg(
    "Sorry, we did not understand. Send all numbers that apply, from 1 to {most}. Example: 1 2."
    " Send 0 to skip, HELP for help.",
    most="8",
)


def read(question: Question, options: tuple[Option, ...], text: str) -> str | Skipped | None:
    """See Kind.read."""
    groups = read_digits(text)
    if groups is None:
        return None
    if set(groups) == {"0"}:
        return SKIPPED if question.skippable else None
    offered = {str(number): option.value for number, option in enumerate(options, 1)}
    chosen: set[str] = set()
    for group in groups:
        numbers = _numbers(group, offered)
        if not numbers:
            return None
        chosen.update(numbers)
    return BETWEEN.join(value for number, value in offered.items() if number in chosen)


def _numbers(group: str, offered: Collection[str]) -> list[str]:
    """Return the numbers a group of digits names: `13` is thirteen if offered, else 1 and 3.

    None of them where a digit was not offered, or stands twice: that is more likely a slip.
    """
    if group in offered:
        return [group]
    apart = len(set(group)) == len(group) and all(digit in offered for digit in group)
    return list(group) if apart else []


def tail(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.tail."""
    return choice.listed(question, options, language, SEND_ALL)


def shown(question: Question, options: tuple[Option, ...], value: str, language: str) -> str:
    """See Kind.shown."""
    values = value.split(BETWEEN)
    return ", ".join(choice.shown(question, options, one, language) for one in values)


def choices(
    question: Question, options: tuple[Option, ...], language: str
) -> list[tuple[str, str]]:
    """See Kind.choices: a button answers with its one option alone."""
    return choice.choices(question, options, language)


def retry(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.retry."""
    message = RETRY_SKIP if question.skippable else RETRY
    return message.say(language, most=len(options))
