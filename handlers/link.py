"""LINK: one person's second phone, by a code given to one and sent from the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import asking, linking
from handlers.dialog.confirming import LASTS, MOST_TRIES
from handlers.dialog.messages import msg
from handlers.dialog.text import ascii_digits, unmarked
from handlers.dialog.turn import command
from storage import addresses, pending

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
    from storage.addresses import Sender

DIGITS = 6

SEND_THERE = msg(
    "To link your other phone, send from it within 15 minutes: LINK {code}. Tell the code to"
    " nobody: whoever sends it speaks for you.",
    code="0" * DIGITS,
)
NOT_THAT_CODE = msg(
    "That is no code that is valid now. Send LINK from your other phone, and here what it is told"
    " to send."
)
TOO_OFTEN = msg("Too many wrong codes. Try again in 15 minutes.")


@command("LINK", "anyone")
async def link(turn: Turn, rest: str) -> None:
    """Give a member a code for their other phone, or take the code that one was given."""
    if asking.declined(turn):
        return
    code = "".join(ascii_digits(unmarked(rest)).split()).strip(".,:;!?()")
    if code:
        await _take(turn, code)
    elif turn.is_member:
        await _give(turn)
    else:
        turn.say(linking.JOIN_FIRST)


async def _give(turn: Turn) -> None:
    code = _drawn(turn)
    while await pending.by_code(turn.tx, "link", code, turn.now):
        code = _drawn(turn)
    sender = turn.sender
    await pending.put(
        turn.tx, sender.address_id, sender.member_id, "link", code, "", turn.now + LASTS
    )
    turn.say(SEND_THERE, code=code)


def _drawn(turn: Turn) -> str:
    return (turn.draw() + turn.draw())[:DIGITS]


async def _take(turn: Turn, code: str) -> None:
    tx, since = turn.tx, turn.now - LASTS
    if await addresses.misses(tx, turn.sender.address_id, since) >= MOST_TRIES:
        turn.say(TOO_OFTEN)
        return
    owner = await _owner(turn, code)
    if owner is None:
        await addresses.missed(tx, turn.sender.address_id, since, turn.now)
        turn.say(NOT_THAT_CODE)
    elif owner.address_id == turn.sender.address_id:
        turn.say(SEND_THERE, code=code)
    else:
        await pending.end(tx, owner.address_id)
        await linking.link(turn, owner)


async def _owner(turn: Turn, code: str) -> Sender | None:
    """Return the member who was given a code, and let nobody else use it."""
    for member_id, _, _ in await pending.by_code(turn.tx, "link", code, turn.now):
        await linking.hold(turn, member_id, turn.sender.member_id)
    for member_id, channel, value in await pending.by_code(turn.tx, "link", code, turn.now):
        owner = await addresses.sender(turn.tx, channel, value)
        if owner is not None and owner.member_id == member_id and owner.member_state == "member":
            return owner
    return None
