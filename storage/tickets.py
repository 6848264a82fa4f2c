"""Tickets: what a coordinator has to look at, from a person or from the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Row, Tx

# "unread": answers that could not be read; "alert": from the program, `text` is a code.
Kind = Literal["question", "media", "organisation", "unread", "alert"]

# Of what one address writes so many tickets are open at once, and so long is the last of them.
MOST_OPEN = 20
LONGEST = 16_000

_ADD = sql(
    "INSERT INTO tickets (member_id, address_id, kind, text, media, created_at)"
    " VALUES (:member_id, :address_id, :kind, :text, :media, :now) RETURNING id"
)
_OPEN = sql(
    "SELECT id, member_id, kind, text, media, created_at FROM tickets WHERE state = 'open'"
    " ORDER BY created_at LIMIT :most"
)
_OPEN_OF = sql(
    "SELECT id, text, media FROM tickets WHERE address_id = :address_id AND state = 'open'"
    " AND kind IN ('question', 'media') ORDER BY id DESC LIMIT :most"
)
_APPEND = sql("UPDATE tickets SET text = :text, media = :media WHERE id = :id")
_ALERTED = sql(
    "SELECT id FROM tickets WHERE state = 'open' AND kind = 'alert' AND text = :text"
    " AND created_at > :since LIMIT 1"
)
_HAS = sql("SELECT id FROM tickets WHERE member_id = :member_id AND kind = :kind LIMIT 1")
_BLANK = sql(
    "UPDATE tickets SET text = '', media = '', address_id = NULL WHERE member_id = :member_id"
)
_BLANK_ADDRESS = sql(
    "UPDATE tickets SET text = '', media = '', address_id = NULL WHERE address_id = :address_id"
)


async def add(
    tx: Tx,
    *,
    member_id: int | None,
    address_id: int | None,
    kind: Kind,
    text: str,
    now: int,
    media: str = "",
) -> int:
    """Open a ticket and return its number."""
    row = await tx.row(
        _ADD, member_id=member_id, address_id=address_id, kind=kind, text=text, media=media, now=now
    )
    return int(row[0])  # type: ignore[index]


async def pass_on(
    tx: Tx,
    *,
    member_id: int | None,
    address_id: int,
    kind: Literal["question", "media"],
    text: str,
    now: int,
    media: str = "",
) -> int:
    """Open a ticket for what an address wrote, and return its number.

    Where MOST_OPEN of it are open the newest takes it in, and keeps the last that was written.
    """
    found = await tx.rows(_OPEN_OF, address_id=address_id, most=MOST_OPEN)
    if len(found) < MOST_OPEN:
        return await add(
            tx, member_id=member_id, address_id=address_id, kind=kind, text=text, media=media,
            now=now,
        )  # fmt: skip
    number, said, shown = found[0]
    all_said = f"{said}\n{text}".strip()[-LONGEST:]
    all_shown = " ".join(f"{shown} {media}".split()[-MOST_OPEN:])
    await tx.run(_APPEND, id=number, text=all_said, media=all_shown)
    return int(number)


async def alert(tx: Tx, code: str, now: int, every: int) -> bool:
    """Tell the coordinator something, unless it was told within `every` ms; True if told."""
    if await _alerted(tx, code, now - every):
        return False
    if await tx.lock("alert", code) and await _alerted(tx, code, now - every):
        return False
    await add(tx, member_id=None, address_id=None, kind="alert", text=code, now=now)
    return True


async def _alerted(tx: Tx, code: str, since: int) -> bool:
    return bool(await tx.rows(_ALERTED, text=code, since=since))


async def has(tx: Tx, member_id: int, kind: Kind) -> bool:
    """Tell whether a person has ever had a ticket of a kind."""
    return bool(await tx.rows(_HAS, member_id=member_id, kind=kind))


async def open_now(tx: Tx, most: int) -> list[Row]:
    """Return open tickets (id, member_id, kind, text, media, created_at), oldest first."""
    return await tx.rows(_OPEN, most=most)


async def blank(tx: Tx, member_id: int) -> None:
    """Blank what a person wrote."""
    await tx.post(_BLANK, member_id=member_id)


async def blank_address(tx: Tx, address_id: int) -> None:
    """Blank what an address wrote."""
    await tx.post(_BLANK_ADDRESS, address_id=address_id)
