"""CALL: asking to be called back, by whoever would rather speak than write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking
from handlers.dialog.messages import ALLIANCE, NUMBER, msg
from handlers.dialog.turn import command
from storage import tickets

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

LONGEST = 1_600
MEDIA = "call"

CALLED = msg(
    "Thank you. {alliance} will call you on this phone. Your request has number {number}.",
    alliance=ALLIANCE, number=NUMBER,
)  # fmt: skip
CALLED_IN_CHAT = msg(
    "Thank you. {alliance} will call you. Your request has number {number}. If you want the call"
    " on a phone, send ASK and its number.",
    alliance=ALLIANCE, number=NUMBER,
)  # fmt: skip
WAITS = msg(
    "We know that you want a call: your request {number} waits, and we passed on what you wrote.",
    number=NUMBER,
)  # fmt: skip
WAITS_ALREADY = msg("We know that you want a call: your request {number} waits.", number=NUMBER)
NOT_KEPT = msg(
    "{alliance} keeps nothing of your number, so it can't call you. To take part send JOIN.",
    alliance=ALLIANCE,
)


@command("CALL", "anyone")
async def call(turn: Turn, rest: str) -> None:
    """Let a coordinator see that a person wants to be called; once, until it is done."""
    if turn.forgotten:
        if not asking.declined(turn):
            turn.say(NOT_KEPT, alliance=turn.alliance.name)
        return
    tx, sender = turn.tx, turn.sender
    waits = await tickets.call(tx, sender.member_id or None, sender.address_id)
    if waits is not None:
        if rest.strip():
            await tickets.pass_on(
                tx, member_id=sender.member_id or None, address_id=sender.address_id,
                kind="question", text=rest[:LONGEST], now=turn.now,
            )  # fmt: skip
        turn.say(WAITS if rest.strip() else WAITS_ALREADY, number=waits)
        return
    number = await tickets.add(
        tx, member_id=sender.member_id or None, address_id=sender.address_id, kind="call",
        text=f"{MEDIA} {whose(turn)}{rest[:LONGEST]}".strip(), media=MEDIA, now=turn.now,
    )  # fmt: skip
    said = CALLED if is_number(turn) else CALLED_IN_CHAT
    turn.say(said, alliance=turn.alliance.name, number=number)


def is_number(turn: Turn) -> bool:
    """Tell whether the address that writes can be called."""
    return turn.sender.value.startswith("+")


def whose(turn: Turn) -> str:
    """Return as much of a number as a coordinator may see, to find it among their own."""
    return f"...{turn.sender.value[-3:]} " if is_number(turn) else ""
