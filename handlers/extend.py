"""EXTEND: letting a round close at another time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking, drafts, forms, invited, named
from handlers.dialog.messages import CODE, WHEN, msg
from handlers.dialog.turn import command
from handlers.dialog.when import read_when, say_when
from storage import audit, batches, outbox, rounds
from storage import forms as stored_forms
from storage.errors import BadInput, Conflict

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance, Turn
    from storage.database import Tx
    from storage.rounds import Round

UNTIL_WHEN = msg("Send EXTEND, the code and the time, for example: EXTEND P12 sat 12:00")
EXTENDED = msg("{code} now closes {when}.", code=CODE, when=WHEN)


async def extend(
    tx: Tx, alliance: Alliance, round_: Round, closes_at: int, by: int | None, now: int
) -> None:
    """Let a round close at an instant (ms); what has not left may leave until then, and says so.

    Raises BadInput for a time that is past, Conflict when the round is closed.
    """
    if closes_at <= now:
        raise BadInput("a round can't close in the past; close it instead")
    if not round_.closes_at or not await rounds.extend(tx, round_.id, closes_at):
        raise Conflict(f"{round_.code} is closed already")
    asked = await batches.of_round(tx, round_.id)
    if asked is not None:
        form = forms.load((await stored_forms.by_id(tx, round_.form_id)).body)
        lead = await invited.lead(tx, alliance, round_.platform_id)

        def said(language: str) -> str:
            by_when = asking.by_when(alliance, closes_at, now, language)
            options = form.questions[0].options
            return forms.ask(form, 0, options, language, by_when=by_when, lead=lead)

        texts = await drafts.texts(tx, alliance, said)
        expires_at = min(closes_at, asked.due_at + alliance.manners.ttl_ms)
        await batches.extend(tx, asked.id, texts, expires_at)
        await outbox.extend(tx, asked.id, expires_at)
    await audit.add(tx, "extend", "round", round_.id, now, by=by)


@command("EXTEND", "role")
async def extending(turn: Turn, rest: str) -> None:
    """Let a poll close at another time: nobody is written to who would not have been."""
    _, when = [*rest.split(maxsplit=1), "", ""][:2]
    if rest.strip() and not when:
        turn.say(UNTIL_WHEN)
        return
    round_ = await named.poll(turn, rest)
    if round_ is None:
        return
    closes_at = read_when(when, turn.now, turn.alliance.zone)
    await extend(turn.tx, turn.alliance, round_, closes_at, turn.sender.member_id, turn.now)
    until = say_when(closes_at, turn.now, turn.alliance.zone, turn.language)
    turn.say(EXTENDED, code=round_.code, when=until)
