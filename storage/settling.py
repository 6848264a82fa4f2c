"""Settling: what became of a row of the outbox, by the sender's word or by a receipt's.

Only the present attempt of a row changes; what earlier ones came to is kept in `attempts`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.database import OUTBOX, sql, sql_among
from storage.several import sql_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.database import Row, Tx
    from storage.outbox import Status


@dataclass(frozen=True, slots=True)
class Told:
    """Whose attempt a receipt was about; `present` tells that it is the row's last one."""

    member_id: int | None
    address_id: int | None
    kind: int
    question: int | None
    present: bool = True


_SENT = sql_each(
    "UPDATE outbox SET status = 'sent', provider_id = x.given,"
    " segments = CASE WHEN text = '' AND batch_id IS NULL THEN 0 ELSE x.size END,"
    " sent_at = x.at, settled_at = :now, recipient = '', reason = '', said = '' FROM {rows} x"
    " WHERE outbox.id = x.row AND outbox.attempt = x.present"
    " AND COALESCE(outbox.status, '') IN ('sending', 'unknown')",
    row="BIGINT", present="BIGINT", given="TEXT", size="BIGINT", at="BIGINT",
)  # fmt: skip
_INTRODUCED = sql_among(
    "UPDATE members SET introduced = TRUE WHERE introduced = FALSE AND id IN"
    " (SELECT o.member_id FROM outbox o WHERE o.id IN ({ids}))"
)
# What ends unknown is looked into no more.
_END = sql(
    "UPDATE outbox SET status = :status, reason = :reason, settled_at = :now, recipient = '',"
    " said = '', until_at = CASE WHEN CAST(:status AS TEXT) = 'unknown'"
    " THEN expires_at + 315360000000 ELSE until_at END"
    " WHERE id = :id AND attempt = :attempt AND status IN ('sending', 'unknown')"
)
# What was not sent was no try. Its attempt keeps its number: whoever still has it in mind, as a
# look-up that was begun before, must not take the next claim of the row for it.
_HOLD = sql(
    "UPDATE outbox SET status = 'held', reason = :reason, until_at = :until_at,"
    " tries = tries - 1, said = ''"
    " WHERE id = :id AND attempt = :attempt AND status IN ('sending', 'unknown')"
)
_PUT_BACK = sql(
    "UPDATE outbox SET status = 'queued', until_at = :until_at, tries = tries - 1, said = ''"
    " WHERE id = :id AND attempt = :attempt"
    " AND status IN ('sending', 'unknown')"
)
_AGAIN = sql(
    "UPDATE outbox SET status = 'queued', until_at = :until_at, reason = :reason,"
    " maybe_twice = (maybe_twice OR :maybe_twice)"
    " WHERE id = :id AND attempt = :attempt AND status IN ('sending', 'unknown')"
)
_ANEW = sql(
    "UPDATE outbox SET status = 'queued', until_at = 0, edits = '', tries = tries - 1, said = ''"
    " WHERE id = :id AND attempt = :attempt AND status IN ('sending', 'unknown')"
)
_UNKNOWN = sql(
    "UPDATE outbox SET status = 'unknown', until_at = :until_at, reason = :reason"
    " WHERE id = :id AND attempt = :attempt AND status = 'sending'"
)
_KEEP_ATTEMPT = sql(
    "INSERT INTO attempts (outbox_id, attempt, address_id, status, error, provider_id, ended_at)"
    " SELECT id, attempt, address_id, :status, :error, provider_id, CAST(:now AS BIGINT)"
    " FROM outbox WHERE id = :id AND attempt = :attempt ON CONFLICT DO NOTHING"
)
_KNOWN_ID = sql(
    "SELECT 1 FROM outbox WHERE channel = :channel AND provider_id = :provider_id"
    " AND provider_id <> '' UNION ALL SELECT 1 FROM attempts WHERE provider_id = :provider_id"
    " AND provider_id <> ''"
)
_ROW_OF = sql(
    "SELECT id, attempt FROM outbox WHERE channel = :channel AND provider_id = :provider_id"
    " AND provider_id <> '' UNION ALL SELECT t.outbox_id, t.attempt FROM attempts t"
    " JOIN addresses a ON a.id = t.address_id AND a.channel = :channel"
    " WHERE t.provider_id = :provider_id AND t.provider_id <> '' ORDER BY id DESC LIMIT 1"
)
_RECEIPT = sql(
    "UPDATE outbox SET status = :status, reason = :reason, settled_at = :now, recipient = '',"
    " said = '',"
    " provider_id = CASE WHEN provider_id = '' THEN :provider_id ELSE provider_id END,"
    " sent_at = CASE WHEN sent_at = 0 THEN CAST(:now AS BIGINT) ELSE sent_at END"
    " WHERE id = :id AND attempt = :attempt AND channel = :channel"
    " AND (provider_id = '' OR provider_id = :provider_id)"
    " AND status IN ('sending', 'unknown', :open) RETURNING member_id, address_id, kind, question"
)
_ATTEMPT_RECEIPT = sql(
    "UPDATE attempts SET status = :status, error = :reason,"
    " provider_id = CASE WHEN provider_id = '' THEN :provider_id ELSE provider_id END"
    " WHERE outbox_id = :id AND attempt = :attempt"
    " AND (provider_id = '' OR provider_id = :provider_id) AND status <> :status"
    " AND status NOT IN ('delivered', 'undelivered', 'failed', 'expired')"
    " AND COALESCE((SELECT a.channel FROM addresses a WHERE a.id = attempts.address_id),"
    " (SELECT o.channel FROM outbox o WHERE o.id = attempts.outbox_id)) = :channel"
    " RETURNING (SELECT o.member_id FROM outbox o WHERE o.id = attempts.outbox_id), address_id,"
    " (SELECT o.kind FROM outbox o WHERE o.id = attempts.outbox_id)"
)
# A late receipt says that an attempt in doubt did leave after all: no other need.
_LEFT_EARLIER = sql(
    "UPDATE outbox SET status = :status, settled_at = :now, reason = 'earlier attempt',"
    " recipient = '', said = '',"
    " sent_at = CASE WHEN sent_at = 0 THEN CAST(:now AS BIGINT) ELSE sent_at END"
    " WHERE id = :id AND attempt >= :attempt AND (status IN ('queued', 'held')"
    " OR (status = 'sent' AND reason = 'earlier attempt' AND :status = 'delivered'))"
    " RETURNING member_id, address_id, kind, question"
)
_MOVE_ON = sql(
    "UPDATE outbox SET status = 'queued', until_at = 0, tries = 0, address_id = :address_id,"
    " channel = :channel, provider_id = '', reason = :reason, sent_at = 0, settled_at = 0,"
    " said = '' WHERE id = :id AND attempt = :attempt"
    " AND status IN ('sending', 'unknown', 'failed', 'undelivered')"
)
_TRY_AGAIN = sql(
    "UPDATE outbox SET status = 'queued', until_at = :until_at, provider_id = '',"
    " reason = :reason, sent_at = 0, settled_at = 0 WHERE id = :id AND attempt = :attempt"
    " AND status IN ('failed', 'undelivered') AND tries < :most AND expires_at > :until_at"
)
_NEXT_ADDRESS = sql(
    "SELECT a.id, a.channel FROM member_addresses ma JOIN addresses a ON a.id = ma.address_id"
    " WHERE ma.member_id = :member_id AND a.state = 'ok' AND a.stopped_at = 0"
    " AND a.id <> :address_id AND a.id NOT IN"
    " (SELECT t.address_id FROM attempts t WHERE t.outbox_id = :id AND t.address_id IS NOT NULL)"
    " ORDER BY a.worked_at DESC, a.id LIMIT 1"
)


async def settle_sent(tx: Tx, settled: Sequence[tuple[int, int, str, int, int]], now: int) -> None:
    """Settle rows the provider took: id, attempt, provider's id, segments, when it took it."""
    await tx.post(_SENT[tx.engine], rows=json.dumps(settled), now=now)


async def introduced(tx: Tx, ids: Sequence[int]) -> None:
    """Keep that the members of these rows have been told who we are."""
    await tx.post(_INTRODUCED[tx.engine], ids=json.dumps(ids))


async def settle_ended(tx: Tx, settled: Iterable[Row]) -> None:
    """Settle rows for good: id, attempt, status, reason, now."""
    await tx.many(_END, settled)


async def settle_held(tx: Tx, settled: Iterable[Row]) -> None:
    """Hold rows that have not left: id, attempt, reason, until_at."""
    await tx.many(_HOLD, settled)


async def put_back(tx: Tx, settled: Iterable[Row]) -> None:
    """Queue rows that have not left: id, attempt, until_at."""
    await tx.many(_PUT_BACK, settled)


async def settle_again(tx: Tx, settled: Iterable[Row]) -> None:
    """Queue a new attempt: id, attempt, until_at, reason, maybe_twice."""
    await tx.many(_AGAIN, settled)


async def settle_anew(tx: Tx, settled: Iterable[Row]) -> None:
    """Queue rows that can't replace a message as messages of their own: id, attempt."""
    await tx.many(_ANEW, settled)


async def settle_unknown(tx: Tx, settled: Iterable[Row]) -> None:
    """Mark rows whose outcome is not known: id, attempt, until_at, reason."""
    await tx.many(_UNKNOWN, settled)


async def keep_attempts(tx: Tx, ended: Iterable[Row]) -> None:
    """Keep attempts that another follows: id, attempt, status, error, now."""
    await tx.many(_KEEP_ATTEMPT, ended)


async def knows(tx: Tx, channel: str, provider_id: str) -> bool:
    """Tell whether a provider's id belongs to a row of ours."""
    return bool(await tx.rows(_KNOWN_ID, channel=channel, provider_id=provider_id))


async def row_of(tx: Tx, channel: str, provider_id: str) -> tuple[int, int] | None:
    """Return the row and attempt that a provider's id belongs to."""
    row = await tx.row(_ROW_OF, channel=channel, provider_id=provider_id)
    return (int(row[0]), int(row[1])) if row else None


async def receipt(
    tx: Tx,
    *,
    row: int,
    attempt: int,
    channel: str,
    provider_id: str,
    status: Status,
    reason: str,
    now: int,
) -> Told | None:
    """Let a receipt move the status of the attempt it names forward; None when it does not."""
    changed = await tx.row(
        _RECEIPT, id=row, attempt=attempt, channel=channel, provider_id=provider_id,
        status=status, reason=reason, now=now, open="sending" if status == "sent" else "sent",
    )  # fmt: skip
    if changed is not None:
        return Told(*changed)
    of_earlier = await tx.row(
        _ATTEMPT_RECEIPT, id=row, attempt=attempt, channel=channel, provider_id=provider_id,
        status=status, reason=reason,
    )  # fmt: skip
    if of_earlier is None:
        return None
    if status not in ("sent", "delivered"):
        return Told(of_earlier[0], of_earlier[1], of_earlier[2], None, present=False)
    left = await tx.row(_LEFT_EARLIER, id=row, attempt=attempt, status=status, now=now)
    return Told(*left) if left is not None else None


async def try_again(
    tx: Tx, row: int, attempt: int, reason: str, most: int, until_at: int, now: int
) -> bool:
    """Let a row that did not arrive try the same address again; False past its bounds."""
    await keep_attempts(
        tx, [{"id": row, "attempt": attempt, "status": "failed", "error": reason, "now": now}]
    )
    return bool(
        await tx.run(
            _TRY_AGAIN, id=row, attempt=attempt, reason=reason, most=most, until_at=until_at
        )
    )


async def move_on(
    tx: Tx, row: int, attempt: int, member_id: int, address_id: int, reason: str, now: int
) -> bool:
    """Let a row try the member's next address; False when there is none."""
    found = await tx.row(_NEXT_ADDRESS, id=row, member_id=member_id, address_id=address_id)
    if found is None:
        return False
    await keep_attempts(
        tx, [{"id": row, "attempt": attempt, "status": "failed", "error": reason, "now": now}]
    )
    moved = await tx.run(
        _MOVE_ON, id=row, attempt=attempt, address_id=found[0], channel=found[1], reason=reason
    )
    await tx.notify(OUTBOX)
    return bool(moved)
