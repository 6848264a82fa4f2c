"""Answers that come too late: refused, told so, and kept nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import forms
from handlers.dialog.kinds import date
from handlers.dialog.messages import msg
from handlers.dialog.text import fold, read_digits
from storage import forms as stored_forms
from storage import inbound, rounds
from storage.instant import DAY

if TYPE_CHECKING:
    from handlers.dialog.forms import Form
    from handlers.dialog.turn import Turn

# So long after its close a digit is still taken for an answer to a round.
LATE = 7 * DAY

TOO_LATE = msg("That question is closed, so this answer is not counted. POLLS shows what is open.")


async def take(turn: Turn) -> bool:
    """Refuse an answer to a round that has closed, or a change a day after the echo.

    False where the text can't be one. It is no ticket: a choice is nobody's to read.
    """
    sender = turn.sender
    if not sender.member_id:
        return False
    closed = await rounds.closed_lately(turn.tx, sender.member_id, turn.now - LATE)
    if closed is not None:
        form = forms.load((await stored_forms.by_id(turn.tx, closed.form_id)).body)
        if is_answer(turn, form):
            await refuse(turn)
            return True
    if sender.form and sender.closes_at and is_answer(turn, forms.load(sender.form)):
        turn.say(forms.CHANGE, code=sender.round_code)
        return True
    return False


async def refuse(turn: Turn) -> None:
    """Say that an answer is not counted, and forget what it was."""
    await forget(turn)
    turn.say(TOO_LATE)


async def forget(turn: Turn) -> None:
    """Keep nothing of what a message said."""
    await inbound.blank(turn.tx, turn.sender.channel, turn.key)


def is_value(text: str) -> bool:
    """Tell whether a text is a number or a day: it may be an answer, and is hardly a question."""
    return read_digits(text) is not None or date.like(text)


def is_answer(turn: Turn, form: Form) -> bool:
    """Tell whether a text is a number, or an option's own words with or without one.

    Or a day, where the form asks for one.
    """
    if read_digits(turn.text) is not None:
        return True
    if any(forms.is_like(question, turn.text) for question in form.questions):
        return True
    words = fold(turn.text).lstrip("0123456789.,:;()[] -").rstrip(".!? ")
    return any(
        words == fold(text)
        for question in form.questions
        for option in question.options
        for text in option.text.values()
    )
