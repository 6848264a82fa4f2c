"""The audit: who did what to how many. Append-only, so ids, codes and counts alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Tx

_ADD = sql(
    "INSERT INTO audit (at, act, by_member_id, subject, subject_id, count)"
    " VALUES (:now, :act, :by, :subject, :subject_id, :count)"
)

# By the instant alone: there are some dozens of acts in a day.
_COUNTED = sql(
    "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM audit WHERE at > :since AND act = :act"
    " AND by_member_id = :by"
)


async def counted(tx: Tx, act: str, by: int, since: int) -> int:
    """Return how many somebody has done an act to since an instant."""
    [[count]] = await tx.rows(_COUNTED, act=act, by=by, since=since)
    return int(count)


async def add(
    tx: Tx,
    act: str,
    subject: str,
    subject_id: int,
    now: int,
    *,
    by: int | None = None,
    count: int = 0,
) -> None:
    """Keep one act. `act` and `subject` are words of ours, never a person's."""
    await tx.post(
        _ADD, now=now, act=act, by=by, subject=subject, subject_id=subject_id, count=count
    )
