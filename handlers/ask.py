"""ASK: a question to the coordinator, kept as a ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking
from handlers.dialog.messages import ALLIANCE, NUMBER, msg
from handlers.dialog.turn import command
from storage import tickets

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

LONGEST = 1_600

ASKED = msg(
    "Thank you. Your question has number {number}. {alliance} answers as soon as it can.",
    number=NUMBER, alliance=ALLIANCE,
)  # fmt: skip
NOT_KEPT = msg(
    "{alliance} keeps nothing of your number, so no question either. To take part send JOIN.",
    alliance=ALLIANCE,
)
EMPTY = msg("Send ASK and your question, for example: ASK When is the next meeting?")


@command("ASK", "anyone")
async def ask(turn: Turn, rest: str) -> None:
    """Pass a question on, and say under which number."""
    if not rest.strip():
        turn.say(EMPTY)
        return
    if turn.forgotten:
        if not asking.declined(turn):
            turn.say(NOT_KEPT, alliance=turn.alliance.name)
        return
    number = await tickets.pass_on(
        turn.tx, member_id=turn.sender.member_id or None, address_id=turn.sender.address_id,
        kind="question", text=rest[:LONGEST], now=turn.now,
    )  # fmt: skip
    turn.say(ASKED, number=number, alliance=turn.alliance.name)
