"""BACK: returning one question within a form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking, course, forms
from handlers.dialog.asking import Asked
from handlers.dialog.messages import msg
from handlers.dialog.turn import command

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

NOTHING = msg("There is no question to go back to. POLLS shows what is open.")


@command("BACK", "anyone")
async def back(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Ask the question before the open one again."""
    sender = turn.sender
    open_ = sender.form and sender.dialog in ("asked", "open") and not turn.stopped
    if open_:
        form = forms.load(sender.form)
        asked = Asked(sender.round_id, form, sender.closes_at, sender.lead)
        way = await course.of(turn, asked)
        for position in range(sender.question - 1, -1, -1):
            if not way.applies(position):  # it was passed over
                continue
            question = form.questions[position]
            options = await asking.options_of(turn, question)
            # What has been agreed to is taken back by STOP, and by nothing else.
            if question.sets == "consent" or (question.source and len(options) < 2):
                continue
            await asking.ask_one(turn, asked, position, options)
            return
    turn.say(NOTHING)
