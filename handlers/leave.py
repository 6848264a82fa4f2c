"""STOP and START: leaving at once, and coming back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.turn import command
from storage import addresses, audit, barred, inbound, members, outbox, tickets

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn

STOPPED = msg(
    "You will get no more messages from {alliance}. To hear from us again send START.",
    alliance=ALLIANCE,
)
STARTED = msg(
    "Welcome back to {alliance}. POLLS shows what is open, HELP what you can send.",
    alliance=ALLIANCE,
)
STARTED_STRANGER = msg(
    "This is {alliance}. To take part send JOIN. STOP ends it.", alliance=ALLIANCE
)


@command("STOP", "anyone")
async def stop(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Send nothing more to this phone and this person; confirm it once."""
    before = turn.stopped
    tx, sender = turn.tx, turn.sender
    await outbox.stop(tx, sender.member_id or None, sender.address_id, turn.now)
    if sender.member_id:
        await members.stop(tx, sender.member_id, turn.now)
        await addresses.stop(tx, sender.address_id, turn.now)
        await audit.add(tx, "stop", "member", sender.member_id, turn.now)
    else:
        await _stop_stranger(turn)
    # The carrier has confirmed it already where it handled the word itself.
    if not before and not turn.opt_out:
        turn.say(STOPPED, alliance=turn.alliance.name)


async def _stop_stranger(turn: Turn) -> None:
    """Keep a stranger's STOP as a keyed hash, and nothing else of theirs."""
    tx, sender = turn.tx, turn.sender
    hashed = barred.keyed(turn.alliance.hash_key, sender.channel, sender.value)
    await barred.add(tx, hashed, "stopped", turn.now)
    await inbound.blank_address(tx, sender.address_id)
    await outbox.blank_address(tx, sender.address_id)
    await tickets.blank_address(tx, sender.address_id)
    await addresses.blank(tx, sender.address_id)
    turn.forgotten = True


@command("START", "anyone")
async def start(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Lift the STOP of this person and of this phone, also the carrier's."""
    tx, sender = turn.tx, turn.sender
    await addresses.start(tx, sender.address_id)
    if sender.member_id:
        await members.start(tx, sender.member_id)
        await audit.add(tx, "start", "member", sender.member_id, turn.now)
    if turn.barred == "stopped":
        hashed = barred.keyed(turn.alliance.hash_key, sender.channel, sender.value)
        await barred.lift(tx, hashed)
    if turn.opt_out:
        return
    turn.say(STARTED if turn.is_member else STARTED_STRANGER, alliance=turn.alliance.name)
