"""Tickets: what a coordinator has to look at, from a person or from the program."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from storage.database import sql, sql_among

if TYPE_CHECKING:
    from storage.database import Row, Tx

# "unread": answers that could not be read; "alert": from the program, `text` is a code.
Kind = Literal["question", "media", "call", "organisation", "unread", "alert"]

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
    " AND kind IN ('question', 'media', 'call') ORDER BY id DESC LIMIT :most"
)
# Of people on some platforms and below them, or of anybody.
_BELOW = (
    "WITH RECURSIVE below(id) AS (SELECT id FROM platforms WHERE id IN ({ids})"
    " UNION SELECT p.id FROM platforms p JOIN below ON p.parent_id = below.id) "
)
# What was blanked since has nothing to answer.
_ASKED = (
    "t.state = 'open' AND t.kind IN ('question', 'media', 'call')"
    " AND (t.text <> '' OR t.media <> '')"
)
_WAITING = sql(
    f"SELECT t.id, t.text, t.media FROM tickets t WHERE {_ASKED} ORDER BY t.created_at LIMIT :most"
)
_WAITING_BELOW = sql_among(
    f"{_BELOW} SELECT t.id, t.text, t.media FROM tickets t JOIN members m ON m.id = t.member_id"
    f" WHERE {_ASKED} AND m.platform_id IN (SELECT id FROM below) ORDER BY t.created_at LIMIT :most"
)
_BY_ID = sql(
    "SELECT t.id, t.member_id, t.address_id, t.kind, t.state, m.platform_id,"
    " COALESCE(m.language, '')"
    " FROM tickets t LEFT JOIN members m ON m.id = t.member_id WHERE t.id = :id"
)
_ANSWER = sql(
    "UPDATE tickets SET state = 'answered', answered_at = :now WHERE id = :id AND state = 'open'"
)
_OVERDUE = sql(
    "SELECT t.id, t.text, t.media, m.platform_id FROM tickets t"
    " LEFT JOIN members m ON m.id = t.member_id"
    f" WHERE {_ASKED} AND t.overdue_at = 0 AND t.created_at <= :since"
    " ORDER BY t.created_at LIMIT :most"
)
_TOLD = sql_among("UPDATE tickets SET overdue_at = :now WHERE id IN ({ids})")
_APPEND = sql("UPDATE tickets SET text = :text, media = :media WHERE id = :id")
_ALERTED = sql(
    "SELECT id FROM tickets WHERE state = 'open' AND kind = 'alert' AND text = :text"
    " AND created_at > :since LIMIT 1"
)
_HAS = sql("SELECT id FROM tickets WHERE member_id = :member_id AND kind = :kind LIMIT 1")
_CALL = sql(
    "SELECT id FROM tickets WHERE address_id = :address_id AND state = 'open' AND kind = 'call'"
    " UNION SELECT id FROM tickets WHERE member_id = :member_id AND state = 'open'"
    " AND kind = 'call' LIMIT 1"
)
_NUMBERS = sql(
    "SELECT id FROM tickets WHERE member_id = :member_id AND state = 'open'"
    " AND kind IN ('question', 'media', 'call', 'organisation') ORDER BY id LIMIT :most"
)
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


async def call(tx: Tx, member_id: int | None, address_id: int) -> int | None:
    """Return the number of the open ticket by which a person or an address asked for a call."""
    row = await tx.row(_CALL, member_id=member_id, address_id=address_id)
    return int(row[0]) if row else None


async def numbers(tx: Tx, member_id: int, most: int) -> list[int]:
    """Return the numbers of what a person asked, and nobody has answered yet."""
    return [int(row[0]) for row in await tx.rows(_NUMBERS, member_id=member_id, most=most)]


async def open_now(tx: Tx, most: int) -> list[Row]:
    """Return open tickets (id, member_id, kind, text, media, created_at), oldest first."""
    return await tx.rows(_OPEN, most=most)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket; of somebody who is no member ids are None and the language is ""."""

    id: int
    member_id: int | None
    address_id: int | None
    kind: Kind
    state: Literal["open", "answered"]
    platform_id: int | None
    language: str


async def find(tx: Tx, number: int) -> Ticket | None:
    """Return the ticket with a number, if there is one."""
    row = await tx.row(_BY_ID, id=number) if number < 2**63 else None
    return Ticket(*row) if row else None


async def answer(tx: Tx, number: int, now: int) -> bool:
    """Keep that a ticket is answered; False when it was."""
    return bool(await tx.run(_ANSWER, id=number, now=now))


async def waiting(tx: Tx, platforms: list[int] | None, most: int) -> list[Row]:
    """Return what people asked (id, text, media), oldest first, `most` of it.

    Of those on some platforms and below them, or with None of everybody.
    """
    if platforms is None:
        return await tx.rows(_WAITING, most=most)
    return await tx.rows(_WAITING_BELOW[tx.engine], ids=json.dumps(platforms), most=most)


async def overdue(tx: Tx, since: int, most: int) -> list[Row]:
    """Return what has waited since before an instant, and nobody was told of that yet.

    A row is (id, text, media, platform id).
    """
    return await tx.rows(_OVERDUE, since=since, most=most)


async def told(tx: Tx, numbers: list[int], now: int) -> None:
    """Keep that somebody was told that these wait."""
    await tx.run(_TOLD[tx.engine], ids=json.dumps(numbers), now=now)


async def blank(tx: Tx, member_id: int) -> None:
    """Blank what a person wrote."""
    await tx.post(_BLANK, member_id=member_id)


async def blank_address(tx: Tx, address_id: int) -> None:
    """Blank what an address wrote."""
    await tx.post(_BLANK_ADDRESS, address_id=address_id)
