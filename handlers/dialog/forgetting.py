"""Keeping nothing of somebody who is no member but a keyed hash of their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import addresses, barred, dialogs, inbound, members, outbox, pending, tickets

if TYPE_CHECKING:
    from handlers.dialog.turn import Turn
    from storage.barred import Reason
    from storage.database import Tx


def keyed(turn: Turn) -> str:
    """Return the keyed hash of the address that wrote."""
    return turn.alliance.keyed(turn.sender.channel, turn.sender.value)


async def bar(turn: Turn, reason: Reason) -> None:
    """Bar the number of somebody who is no member, and forget the sign-up they began."""
    tx, member_id = turn.tx, turn.sender.member_id
    await barred.add(tx, keyed(turn), reason, turn.now)
    if member_id:
        await dialogs.end_member(tx, member_id)
        await outbox.blank_tickets(tx, member_id)
        await tickets.blank(tx, member_id)
        await members.blank(tx, member_id)
    turn.forgotten = True


async def others(turn: Turn) -> None:
    """Bar and hide every other address of a person who is forgotten."""
    for address_id, channel, value in await addresses.of(turn.tx, turn.sender.member_id):
        if address_id != turn.sender.address_id:
            hash_ = turn.alliance.keyed(channel, value)
            await barred.add(turn.tx, hash_, "erased", turn.now)
            await _hide(turn.tx, address_id, hash_)


async def lift(turn: Turn) -> None:
    """Keep an address again that wants to hear from us after all."""
    await barred.lift(turn.tx, keyed(turn))
    await addresses.show(turn.tx, turn.sender.address_id, turn.sender.value)
    turn.forgotten = False


async def hide(turn: Turn) -> None:
    """Blank what an address wrote and was told, and let its keyed hash stand for it."""
    await _hide(turn.tx, turn.sender.address_id, keyed(turn))


async def _hide(tx: Tx, address_id: int, hash_: str) -> None:
    await inbound.blank_address(tx, address_id)
    await outbox.blank_address(tx, address_id)
    await outbox.blank_tickets_of(tx, address_id)
    await tickets.blank_address(tx, address_id)
    await pending.end(tx, address_id)
    await addresses.hide(tx, address_id, hash_)
