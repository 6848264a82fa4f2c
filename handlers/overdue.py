"""Questions that nobody has answered for two days: the support team hears of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from handlers.dialog import authority
from handlers.dialog.messages import NUMBER, msg
from handlers.dialog.text import BEGINNING, quoting
from storage import addresses, outbox, roles, tickets
from storage.instant import DAY

if TYPE_CHECKING:
    from handlers.dialog.turn import Alliance
    from storage.database import Row, Tx

AFTER = 2 * DAY
AT_ONCE = 200

OVERDUE = msg(
    "{count} question waits for over two days. {number}: {text} To answer send REPLY {number} and"
    " your text.",
    plural="{count} questions wait for over two days. {number}: {text} To answer send REPLY"
    " {number} and your text.",
    by="count", count=NUMBER, number=NUMBER, text="Q" * BEGINNING,
)  # fmt: skip


async def waits(tx: Tx, now: int) -> bool:
    """Tell whether there is anything to tell."""
    return bool(await tickets.overdue(tx, now - AFTER, 1))


async def tell(tx: Tx, alliance: Alliance, now: int) -> None:
    """Tell each of the support team how many wait that they may answer, and the oldest."""
    await tx.lock("overdue", 0)
    found = await tickets.overdue(tx, now - AFTER, AT_ONCE)
    for member_id, spoken in await roles.holders(tx, "support"):
        theirs = await _theirs(tx, member_id, found)
        reached = await addresses.best(tx, member_id)
        if not theirs or reached is None:
            continue
        number, text, media, _ = theirs[0]
        language = alliance.language(spoken)
        say = partial(OVERDUE.say, language, count=len(theirs), number=number)
        said = quoting(say, text or media)
        await outbox.quote(
            tx, kind=outbox.SOLICITED, member_id=member_id, address_id=reached[0],
            channel=reached[1], text=said, language=language, ticket_id=number, now=now,
            expires_at=now + AFTER,
        )  # fmt: skip
    await tickets.told(tx, [row[0] for row in found], now)


async def _theirs(tx: Tx, member_id: int, found: list[Row]) -> list[Row]:
    """Return those that a member may answer."""
    reach = await authority.reach(tx, member_id, "reply")
    if reach is None or reach.whole:
        return found if reach else []
    places = {row[3] for row in found}
    covered = {place for place in places if await authority.covers(tx, reach, place)}
    return [row for row in found if row[3] in covered]
