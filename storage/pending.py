"""Pending confirmations: one for each address, with a four-digit code and an end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Tx


@dataclass(frozen=True, slots=True)
class Pending:
    """What an address was asked to confirm. `body` is the act's own JSON."""

    id: int
    member_id: int | None
    act: str
    code: str
    body: str
    tries: int


_PUT = sql(
    "INSERT INTO pending (address_id, member_id, act, code, body, expires_at)"
    " VALUES (:address_id, :member_id, :act, :code, :body, :expires_at)"
    " ON CONFLICT (address_id) DO UPDATE SET member_id = excluded.member_id,"
    " act = excluded.act, code = excluded.code, body = excluded.body, tries = 0,"
    " expires_at = excluded.expires_at"
)
_GET = sql(
    "SELECT id, member_id, act, code, body, tries FROM pending"
    " WHERE address_id = :address_id AND expires_at > :now"
)
_BY_CODE = sql(
    "SELECT p.member_id, a.channel, a.value FROM pending p JOIN addresses a ON a.id = p.address_id"
    " WHERE p.act = :act AND p.code = :code AND p.expires_at > :now AND p.member_id IS NOT NULL"
)
_MISSED = sql("UPDATE pending SET tries = tries + 1 WHERE id = :id")
_END = sql("DELETE FROM pending WHERE address_id = :address_id")
_EXPIRE = sql("DELETE FROM pending WHERE expires_at <= :now")


async def put(
    tx: Tx,
    address_id: int,
    member_id: int | None,
    act: str,
    code: str,
    body: str,
    expires_at: int,
) -> None:
    """Ask an address to confirm an act, in place of what it was asked before."""
    await tx.post(
        _PUT, address_id=address_id, member_id=member_id, act=act, code=code, body=body,
        expires_at=expires_at,
    )  # fmt: skip


async def get(tx: Tx, address_id: int, now: int) -> Pending | None:
    """Return what an address was asked to confirm, if its time is not over."""
    row = await tx.row(_GET, address_id=address_id, now=now)
    return Pending(*row) if row else None


async def by_code(tx: Tx, act: str, code: str, now: int) -> list[tuple[int, str, str]]:
    """Return (member, channel, value) of each who was given a code for an act: one, as a rule."""
    rows = await tx.rows(_BY_CODE, act=act, code=code, now=now)
    return [(int(row[0]), str(row[1]), str(row[2])) for row in rows]


async def missed(tx: Tx, pending_id: int) -> None:
    """Count one wrong code."""
    await tx.post(_MISSED, id=pending_id)


async def end(tx: Tx, address_id: int) -> None:
    """Forget what an address was asked to confirm."""
    await tx.post(_END, address_id=address_id)


async def expire(tx: Tx, now: int) -> int:
    """Forget all whose time is over, and return how many."""
    return await tx.run(_EXPIRE, now=now)
