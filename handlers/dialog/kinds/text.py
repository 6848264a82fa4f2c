"""A few words of the person's own; 0, # or SKIP skips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.forms import SKIPPED
from handlers.dialog.messages import msg
from handlers.dialog.text import digits, unmarked

if TYPE_CHECKING:
    from handlers.dialog.forms import Option, Question, Skipped

BY_NUMBER = False
BETWEEN = ""

LONGEST = 160

SEND = msg("Send a few words.")
ZERO_SKIPS = msg("0 skips.")
RETRY = msg("Sorry, we did not understand. Send a few words, at most {most} letters.", most="160")
SKIP_LABEL = msg("Skip")


def values(question: Question) -> tuple[str, ...] | None:
    """See Kind.values."""
    return ()


def wrong(question: Question) -> str:
    """Return what is wrong with the bounds, "" for nothing."""
    most = LONGEST if question.most is None else question.most
    right = question.least is None and 0 < most <= LONGEST and not question.unit
    return "" if right else f"a text has only most, of 1 to {LONGEST} characters"


def read(question: Question, options: tuple[Option, ...], text: str) -> str | Skipped | None:
    """See Kind.read."""
    words = " ".join(unmarked(text).split())
    if words == "#" or digits(words) == "0":
        return SKIPPED if question.skippable else None
    most = question.most or LONGEST
    return words if 0 < len(words) <= most else None


def tail(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.tail."""
    asked = SEND.say(language)
    return f"{asked} {ZERO_SKIPS.say(language)}" if question.skippable else asked


def shown(question: Question, options: tuple[Option, ...], value: str, language: str) -> str:
    """See Kind.shown."""
    return value


def choices(
    question: Question, options: tuple[Option, ...], language: str
) -> list[tuple[str, str]]:
    """See Kind.choices."""
    return [(f"0 {SKIP_LABEL.say(language)}", "0")] if question.skippable else []


def retry(question: Question, options: tuple[Option, ...], language: str) -> str:
    """See Kind.retry."""
    return RETRY.say(language, most=question.most or LONGEST)
