"""Consents: which version of the text a person agreed to, when, how, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Tx

_ADD = sql(
    "INSERT INTO consents (member_id, version, language, how, given_on, by_member_id, given_at)"
    " VALUES (:member_id, :version, :language, :how, :given_on, :by, :now)"
)
_LATEST = sql(
    "SELECT version, how, given_on, given_at FROM consents WHERE member_id = :member_id"
    " ORDER BY id DESC LIMIT 1"
)

_GIVEN_TO = sql(
    "SELECT COALESCE(m.alias, '') FROM consents c LEFT JOIN members m ON m.id = c.by_member_id"
    " WHERE c.member_id = :member_id ORDER BY c.id DESC LIMIT 1"
)


async def given_to(tx: Tx, member_id: int) -> str:
    """Return what the helper is called who passed on a person's latest consent, "" for nobody."""
    row = await tx.row(_GIVEN_TO, member_id=member_id)
    return str(row[0]) if row else ""


async def add(
    tx: Tx,
    member_id: int,
    *,
    version: str,
    language: str,
    how: str,
    given_on: str,
    by: int | None,
    now: int,
) -> None:
    """Keep a consent. `given_on` is an ISO day; `how` says through what door it came."""
    await tx.post(
        _ADD, member_id=member_id, version=version, language=language, how=how,
        given_on=given_on, by=by, now=now,
    )  # fmt: skip


async def latest(tx: Tx, member_id: int) -> tuple[str, str, str, int] | None:
    """Return (version, how, given_on, given_at) of a person's latest consent."""
    row = await tx.row(_LATEST, member_id=member_id)
    return (row[0], row[1], row[2], row[3]) if row else None
