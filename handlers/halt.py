"""HALT: stopping a broadcast; what has not left, stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.dialog import named
from handlers.dialog.messages import NUMBER, msg
from handlers.dialog.turn import command
from storage import audit, batches, outbox

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
    from storage.database import Tx

WHICH = msg("Send HALT and the number of the broadcast, for example: HALT 12")
HALTED = msg(
    "Broadcast {number} is stopped. Not sent: {cancelled}. What has left can't be called back.",
    number=NUMBER, cancelled=NUMBER,
)  # fmt: skip


async def halt(tx: Tx, number: int, by: int | None, now: int) -> int:
    """Stop a broadcast, and return how many waiting messages were cancelled.

    Raises NotFound.
    """
    batch = await batches.by_id(tx, number)
    await batches.halt(tx, batch.id)
    cancelled = await outbox.halt(tx, batch.id, now)
    await audit.add(tx, "halt", "batch", batch.id, now, by=by, count=cancelled)
    return cancelled


@command("HALT", "role")
async def halting(turn: Turn, rest: str) -> None:
    """Stop a broadcast at once: what is being sent can't wait for a code."""
    if not rest.strip():
        turn.say(WHICH)
        return
    batch = await named.broadcast(turn, rest)
    if batch is not None:
        cancelled = await halt(turn.tx, batch.id, turn.sender.member_id, turn.now)
        turn.say(HALTED, number=batch.id, cancelled=cancelled)
