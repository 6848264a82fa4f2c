"""What a receipt does: a status moves forward, an address is marked, the next one is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import addresses, dialogs, members, outbox, settling, tickets
from storage.instant import DAY, MINUTE
from storage.outbox import REPLY

if TYPE_CHECKING:
    from bot.channels.base import Effect, Receipt
    from storage.database import Tx
    from storage.settling import Told

MOST_AGAIN = 3
AGAIN_AFTER = 10 * MINUTE


async def settle(tx: Tx, receipt: Receipt, now: int) -> None:
    """Let a receipt settle the attempt it names, or the one its provider's id belongs to."""
    named = (receipt.row, receipt.attempt) if receipt.row else None
    found = named or await settling.row_of(tx, receipt.channel, receipt.provider_id)
    if found is None:
        return
    row, attempt = found
    told = await settling.receipt(
        tx, row=row, attempt=attempt, channel=receipt.channel, provider_id=receipt.provider_id,
        status=receipt.status, reason=receipt.error, now=now,
    )  # fmt: skip
    if told is None:
        return
    if receipt.status in ("sent", "delivered"):
        if told.question is not None:
            await dialogs.opened(tx, [row], now)
        if told.kind != REPLY:
            await settling.introduced(tx, [row])
        return
    if receipt.alert:
        await tickets.alert(tx, f"{receipt.channel}: error {receipt.error}", now, DAY)
    await mark(tx, receipt.effect, told.member_id, told.address_id, now)
    if told.present and receipt.status != "expired" and receipt.effect != "stopped":
        await _go_on(tx, receipt, row, attempt, told, now)


async def _go_on(tx: Tx, receipt: Receipt, row: int, attempt: int, told: Told, now: int) -> None:
    """Try the same address again where that may help, else the person's next one."""
    if told.address_id is None:
        return
    if receipt.again and await settling.try_again(
        tx, row, attempt, receipt.error, MOST_AGAIN, now + AGAIN_AFTER, now
    ):
        return
    if told.member_id and told.kind != REPLY:
        await settling.move_on(
            tx, row, attempt, told.member_id, told.address_id, receipt.error, now
        )


async def mark(
    tx: Tx, effect: Effect, member_id: int | None, address_id: int | None, now: int
) -> None:
    """Let an error mean for an address, and the person, what it says."""
    if not effect or address_id is None:
        return
    await addresses.put_state(tx, address_id, "carrier" if effect == "stopped" else effect)
    if effect == "stopped":
        if member_id:
            await members.stop(tx, member_id, now)
        await outbox.stop(tx, member_id, address_id, now)
