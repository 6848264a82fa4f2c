"""POLLS: what a person can answer now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking, forms, invited
from handlers.dialog.messages import CODE, msg
from handlers.dialog.turn import command
from storage import dialogs
from storage import forms as stored_forms

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
    from storage.rounds import Round

LISTED = 3
LONGEST = 30

NONE = msg("There is no open question now. We will tell you when there is.")
ALL_ANSWERED = msg(
    "You have answered all open questions: {polls}. To change one send CHANGE and its code.",
    polls=", ".join([f"{CODE} {'Q' * LONGEST}"] * LISTED),
)
MORE_OPEN = msg("Also open: {polls}. Send POLLS again after this one.", polls=f"{CODE}, " * LISTED)


@command("POLLS")
async def polls(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Ask what is still to answer: the soonest on a basic phone, else all at once."""
    if asking.declined(turn):
        return
    open_now = await invited.to(turn)
    if not open_now:
        turn.say(NONE)
        return
    waiting = [round_ for round_ in open_now if not await _answered(turn, round_)]
    if not waiting:
        listed = [f"{r.code} {await _asked(turn, r)}" for r in open_now[:LISTED]]
        turn.say(ALL_ANSWERED, polls=", ".join(listed))
        return
    first = waiting[:1] if turn.one_question else waiting[:LISTED]
    for round_ in first:
        lead = await invited.lead(turn.tx, turn.alliance, round_.platform_id)
        await asking.ask_round(turn, round_, lead)
    others = waiting[len(first) :]
    if others:
        turn.say(MORE_OPEN, polls=", ".join(r.code for r in others[:LISTED]))


async def _answered(turn: Turn, round_: Round) -> bool:
    found = await dialogs.state(turn.tx, turn.sender.member_id, round_.id)
    return found is not None and found[0] == "done"


async def _asked(turn: Turn, round_: Round) -> str:
    form = forms.load((await stored_forms.by_id(turn.tx, round_.form_id)).body)
    asked = forms.said(form.questions[0].text, turn.language)
    return asked if len(asked) <= LONGEST else f"{asked[: LONGEST - 3].rstrip()}..."
