"""REPLY: the answer to what somebody asked, sent to whoever asked it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import authority
from handlers.dialog.messages import ALLIANCE, NUMBER, msg
from handlers.dialog.text import basic, clean, digits, plain, segments
from handlers.dialog.turn import command
from storage import addresses, audit, outbox, tickets
from storage.errors import BadInput
from storage.instant import DAY

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
    from storage.tickets import Ticket

MOST_SEGMENTS = 2
# An answer that can't leave for so long has no reader any more.
LASTS = 2 * DAY
ASKED = ("question", "media", "call", "organisation")

HOW = msg("Send REPLY, the number of the question and your answer, for example: REPLY 12 At ten.")
NO_SUCH = msg("There is no question {number} for you to answer.", number=NUMBER)
ANSWERED = msg("Question {number} is answered already.", number=NUMBER)
NOT_REACHED = msg("Whoever asked question {number} can't be reached any more.", number=NUMBER)
REPLIED = msg("Your answer to question {number} is on its way.", number=NUMBER)
ANSWER = msg(
    "{alliance} on your question {number}: {text}",
    alliance=ALLIANCE, number=NUMBER, text="T" * 240,
)  # fmt: skip


@command("REPLY", "role")
async def reply(turn: Turn, rest: str) -> None:
    """Send an answer to whoever asked, once; and keep that it was given."""
    found = await authority.required(turn, "reply")
    if found is None:
        return
    if not rest.strip():
        turn.say(HOW)
        return
    first, *behind = rest.split(maxsplit=1)
    number, text = digits(first), plain(clean("".join(behind)).strip())
    if number is None or not text:
        turn.say(HOW)
        return
    ticket = await tickets.find(turn.tx, int(number[:18]))
    if (
        ticket is None
        or ticket.kind not in ASKED
        or not await authority.covers(turn.tx, found, ticket.platform_id)
    ):
        turn.say(NO_SUCH, number=number[:18])
        return
    if ticket.state == "answered":
        turn.say(ANSWERED, number=ticket.id)
        return
    await _send(turn, ticket, text)


async def _send(turn: Turn, ticket: Ticket, text: str) -> None:
    asker = await _asker(turn, ticket)
    if asker is None:  # nor ever will be: it makes room for what can be answered
        await tickets.answer(turn.tx, ticket.id, turn.now)
        turn.say(NOT_REACHED, number=ticket.id)
        return
    language = turn.alliance.language(ticket.language)
    said = plain(ANSWER.say(language, alliance=turn.alliance.name, number=ticket.id, text=text))
    if segments(basic(said)) > MOST_SEGMENTS:
        raise BadInput(f"the answer is longer than {MOST_SEGMENTS} SMS: shorten it")
    if not await tickets.answer(turn.tx, ticket.id, turn.now):
        turn.say(ANSWERED, number=ticket.id)  # by somebody else, just now
        return
    kind = outbox.SOLICITED if ticket.member_id else outbox.REPLY
    await outbox.quote(
        turn.tx, kind=kind, member_id=ticket.member_id, address_id=asker[0],
        channel=asker[1], text=said, language=language, ticket_id=ticket.id, now=turn.now,
        expires_at=turn.now + LASTS,
    )  # fmt: skip
    await audit.add(turn.tx, "reply", "ticket", ticket.id, turn.now, by=turn.sender.member_id)
    turn.say(REPLIED, number=ticket.id)


async def _asker(turn: Turn, ticket: Ticket) -> tuple[int, str] | None:
    """Return the address to answer: the one that asked, or the person's next where it is dead.

    None where they asked us to stop, or nothing of them is kept.
    """
    value = await addresses.value(turn.tx, ticket.address_id) if ticket.address_id else None
    sender = await addresses.sender(turn.tx, *value) if value else None
    if sender is None or sender.stopped_at or sender.address_stopped_at:
        return None
    if ticket.member_id and sender.member_id != ticket.member_id:
        return None  # the phone has become somebody else's
    if sender.address_state == "ok":
        return sender.address_id, sender.channel
    return await addresses.best(turn.tx, sender.member_id) if sender.member_id else None
