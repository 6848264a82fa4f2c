"""Any of several options, answered by their digits: `1 3`, `1,3` or `13`; 0 alone skips.

A button puts its option to what is chosen, or takes it away again; one more button ends that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.forms import SKIPPED
from handlers.dialog.kinds import choice
from handlers.dialog.messages import msg
from handlers.dialog.text import digits, read_digits

if TYPE_CHECKING:
    from collections.abc import Collection

    from handlers.dialog.forms import Option, Question, Skipped

BY_NUMBER = False
OFFERS = choice.OFFERS

# What a button types begins so, before its number; the one that ends it types the other.
PRESSED = "+"
DONE = "="

# Longer than this what was chosen is shown by its numbers alone: never half an option.
LONGEST_SHOWN = 40

BETWEEN = ","  # the values of one answer, as they are kept: no option's value has a comma

DONE_LABEL = msg("Done")
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


def values(question: Question) -> tuple[str, ...] | None:
    """See Kind.values."""
    return choice.values(question)


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
    chosen = [choice.shown(question, options, one, language) for one in value.split(BETWEEN)]
    whole = ", ".join(chosen)
    if len(whole) <= LONGEST_SHOWN:
        return whole
    return ", ".join(one.partition(" ")[0] for one in chosen)


def gather(options: tuple[Option, ...], value: str, pressed: str) -> str | None:
    """Return what is chosen once a button is pressed; None for one that chooses nothing."""
    number = digits(pressed.removeprefix(PRESSED)) if pressed.startswith(PRESSED) else None
    if number is None or not 0 < int(number) <= len(options):
        return None
    chosen = {*value.split(BETWEEN)} ^ {options[int(number) - 1].value}
    return BETWEEN.join(option.value for option in options if option.value in chosen)


def choices(
    question: Question, options: tuple[Option, ...], language: str
) -> list[tuple[str, str]]:
    """See Kind.choices: each option's button is one to press on or off."""
    offered = choice.choices(question, options, language)
    found = [(label, f"{PRESSED}{typed}") for label, typed in offered[: len(options)]]
    return [*found, (DONE_LABEL.say(language), DONE), *offered[len(options) :]]


def retry(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.retry."""
    message = RETRY_SKIP if question.skippable else RETRY
    return message.say(language, most=len(options))
