"""STOP and START: leaving at once, and coming back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import forgetting
from handlers.dialog.messages import ALLIANCE, msg
from handlers.dialog.turn import command
from storage import addresses, audit, members, outbox

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
    if turn.is_member:
        await members.stop(tx, sender.member_id, turn.now)
        await addresses.stop(tx, sender.address_id, turn.now)
        if turn.opt_out:
            await addresses.put_state(tx, sender.address_id, "carrier")
        await audit.add(tx, "stop", "member", sender.member_id, turn.now)
    else:
        # Somebody who has agreed to nothing yet: a keyed hash is all that is kept.
        await forgetting.bar(turn, "stopped")
    # The carrier has confirmed it already where it handled the word itself.
    if not before and not turn.opt_out:
        turn.say(STOPPED, alliance=turn.alliance.name)


@command("START", "anyone")
async def start(turn: Turn, rest: str) -> None:  # noqa: ARG001  nothing behind it matters
    """Lift the STOP of this person and of this phone, also the carrier's."""
    tx, sender = turn.tx, turn.sender
    await addresses.start(tx, sender.address_id)
    if sender.member_id:
        await members.start(tx, sender.member_id)
        await audit.add(tx, "start", "member", sender.member_id, turn.now)
    if turn.barred == "stopped":
        await forgetting.lift(turn)
    if turn.opt_out:
        return
    turn.say(STARTED if turn.is_member else STARTED_STRANGER, alliance=turn.alliance.name)
