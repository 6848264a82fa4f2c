"""A rung of a ladder, answered by 1 to 5 and kept as 0 to 4; 0 skips.

Options, where there are any, name the rungs from the lowest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.catalogues import between
from handlers.dialog.forms import Option, said
from handlers.dialog.kinds import choice
from handlers.dialog.kinds.text import ZERO_SKIPS
from handlers.dialog.messages import msg

if TYPE_CHECKING:
    from handlers.dialog.forms import Question, Skipped

BY_NUMBER = True
BETWEEN = ""
OFFERS = (0, 5)

NUMBERS = range(1, 6)
_KEPT = tuple(Option(value=str(number - 1), text={}) for number in NUMBERS)

SEND = msg("Send 1 (low) to 5 (high).")


def _rung(number: int, options: tuple[Option, ...], language: str) -> str:
    """Return a rung's number, and its text if it has one."""
    text = said(options[number - 1].text, language) if number <= len(options) else ""
    return f"{number} {text}".rstrip()


def values(question: Question) -> tuple[str, ...] | None:
    """See Kind.values."""
    return tuple(rung.value for rung in _KEPT)


def read(question: Question, options: tuple[Option, ...], text: str) -> str | Skipped | None:
    """See Kind.read."""
    return choice.read(question, _KEPT, text)


def tail(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.tail."""
    if not options:
        asked = SEND.say(language)
        return f"{asked} {ZERO_SKIPS.say(language)}" if question.skippable else asked
    parts = [_rung(number, options, language) for number in NUMBERS]
    if question.skippable:
        parts.append(choice.SKIP.say(language))
    return between(language).join([*parts, choice.SEND_NUMBER.say(language)])


def shown(question: Question, options: tuple[Option, ...], value: str, language: str) -> str:
    """See Kind.shown."""
    return _rung(int(value) + 1, options, language)


def choices(
    question: Question, options: tuple[Option, ...], language: str
) -> list[tuple[str, str]]:
    """See Kind.choices."""
    found = [(_rung(number, options, language), str(number)) for number in NUMBERS]
    if question.skippable:
        found.append((f"0 {choice.SKIP_LABEL.say(language)}", "0"))
    return found


def retry(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.retry."""
    return choice.retry(question, _KEPT, language)
