"""The outbox: every message that leaves, each one row with its own status."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from storage.database import GATE, OUTBOX, sql, sql_among

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.database import Row, Tx

Status = Literal[
    "queued", "held", "sending", "unknown", "sent", "delivered", "undelivered", "failed",
    "expired", "stopped", "unreachable", "cancelled",
]  # fmt: skip

REPLY, TOLD, SOLICITED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row about to be sent, with all that the gate and the text need. Instants in ms.

    `batch_state`, `round_state` and `dialog` are "" where there is none. `turn_at` is when
    the person's latest other question opened, `asking` that one of another claim is on its way.
    """

    id: int
    batch_id: int | None
    kind: int
    member_id: int | None
    address_id: int | None
    to: str
    text: str
    choices: str
    language: str
    round_id: int | None
    question: int | None
    attempt: int
    tries: int
    expires_at: int
    queued_at: int
    address_state: str
    address_stopped_at: int
    member_stopped_at: int
    member_state: str
    introduced: bool
    timezone: str
    batch_state: str
    round_state: str
    closes_at: int
    dialog: str
    turn_at: int
    asking: bool


_WAITING = "status IN ('queued', 'held', 'sending', 'unknown')"

_REPLY = sql(
    "INSERT INTO outbox (kind, member_id, address_id, recipient, channel, text, choices,"
    " language, round_id, question, queued_at, expires_at) VALUES (0, :member_id, :address_id,"
    " :recipient, :channel, :text, :choices, :language, :round_id, :question, :now, :expires_at)"
)
_CLAIM_TEXT = (
    "UPDATE outbox SET status = 'sending', lease_until = :lease_until, attempt = attempt + 1,"
    " tries = tries + 1, reason = '', language = COALESCE(("
    "SELECT m.language FROM members m WHERE m.id = outbox.member_id), language)"
    " WHERE id IN (SELECT o.id FROM outbox o WHERE o.channel = :channel"
    " AND o.status = 'queued' AND o.kind <= :most_kind AND o.until_at <= :now"
    " ORDER BY o.kind, o.until_at, o.id LIMIT :most{locked}) RETURNING id"
)
_CLAIM = {
    "sqlite": sql(_CLAIM_TEXT.replace("{locked}", ""), "sqlite"),
    "postgresql": sql(_CLAIM_TEXT.replace("{locked}", " FOR UPDATE SKIP LOCKED"), "postgresql"),
}
_FACTS = sql_among(
    "SELECT o.id, o.batch_id, o.kind, o.member_id, o.address_id, COALESCE(a.value, o.recipient),"
    " o.text, o.choices, o.language, o.round_id, o.question, o.attempt, o.tries, o.expires_at,"
    " o.queued_at, COALESCE(a.state, 'ok'), COALESCE(a.stopped_at, 0),"
    " COALESCE(m.stopped_at, 0), COALESCE(m.state, ''), COALESCE(m.introduced, TRUE),"
    " COALESCE(p.timezone, ''), COALESCE(b.state, ''), COALESCE(r.state, ''),"
    " COALESCE(r.closes_at, 0), COALESCE(d.state, ''),"
    " CASE WHEN o.question IS NULL OR o.kind = 0 THEN 0 ELSE COALESCE((SELECT MAX(x.opened_at)"
    " FROM dialogs x JOIN rounds y ON y.id = x.round_id WHERE x.member_id = o.member_id"
    " AND x.state = 'open' AND x.round_id <> o.round_id AND y.state = 'open'), 0) END,"
    " CASE WHEN o.question IS NULL OR o.kind = 0 THEN FALSE ELSE EXISTS (SELECT 1 FROM outbox q"
    f" WHERE q.member_id = o.member_id AND q.{_WAITING} AND q.status IN ('sending', 'unknown')"
    " AND q.question IS NOT NULL AND q.kind > 0 AND q.id NOT IN ({ids})) END"
    " FROM outbox o LEFT JOIN addresses a ON a.id = o.address_id"
    " LEFT JOIN members m ON m.id = o.member_id LEFT JOIN platforms p ON p.id = m.platform_id"
    " LEFT JOIN batches b ON b.id = o.batch_id LEFT JOIN rounds r ON r.id = o.round_id"
    " LEFT JOIN dialogs d ON d.member_id = o.member_id AND d.round_id = o.round_id"
    " WHERE o.id IN ({ids}) AND o.status IN ('sending', 'unknown')"
    " ORDER BY o.kind, o.id"
)
_TOLD = sql_among(
    "SELECT o.member_id, o.sent_at FROM outbox o WHERE o.kind = 1 AND o.sent_at > 0"
    " AND o.sent_at > :since AND o.member_id IN"
    " (SELECT z.member_id FROM outbox z WHERE z.id IN ({ids}))"
    " UNION ALL SELECT q.member_id, CAST(:now AS BIGINT) FROM outbox q"
    " WHERE q.status IN ('queued', 'held', 'sending', 'unknown')"
    " AND q.status IN ('sending', 'unknown') AND q.kind = 1 AND q.id NOT IN ({ids})"
    " AND q.member_id IN (SELECT z.member_id FROM outbox z WHERE z.id IN ({ids}))"
)
_RENEW = sql_among(
    "UPDATE outbox SET lease_until = :lease_until WHERE id IN ({ids}) AND status = 'sending'"
)
_SENT = sql(
    "UPDATE outbox SET status = 'sent', provider_id = :provider_id, segments = :segments,"
    " sent_at = :at, settled_at = :now, recipient = '', reason = ''"
    " WHERE id = :id AND attempt = :attempt AND status IN ('sending', 'unknown')"
)
_INTRODUCED = sql(
    "UPDATE members SET introduced = TRUE WHERE introduced = FALSE AND id ="
    " (SELECT o.member_id FROM outbox o WHERE o.id = :id)"
)
_END = sql(
    "UPDATE outbox SET status = :status, reason = :reason, settled_at = :now, recipient = ''"
    " WHERE id = :id AND attempt = :attempt AND status IN ('sending', 'unknown')"
)
_HOLD = sql(
    "UPDATE outbox SET status = 'held', reason = :reason, until_at = :until_at,"
    " attempt = attempt - 1, tries = tries - 1"
    " WHERE id = :id AND attempt = :attempt AND status = 'sending'"
)
_PUT_BACK = sql(
    "UPDATE outbox SET status = 'queued', until_at = :until_at, attempt = attempt - 1,"
    " tries = tries - 1 WHERE id = :id AND attempt = :attempt AND status = 'sending'"
)
_AGAIN = sql(
    "UPDATE outbox SET status = 'queued', until_at = :until_at, reason = :reason,"
    " tries = tries - CAST(:uncounted AS BIGINT), maybe_twice = (maybe_twice OR :maybe_twice)"
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
_LAPSED = sql(
    "UPDATE outbox SET status = 'unknown', until_at = :until_at, reason = 'lease'"
    " WHERE status = 'sending' AND lease_until < :now"
)
_DOUBTFUL = sql(
    "SELECT o.id, o.attempt, o.address_id, COALESCE(a.value, o.recipient), o.text, o.choices,"
    " o.language, o.batch_id, o.queued_at, o.expires_at, o.lease_until, o.tries, o.member_id,"
    " o.kind, o.round_id, o.question, COALESCE(m.introduced, TRUE)"
    " FROM outbox o LEFT JOIN addresses a ON a.id = o.address_id"
    " LEFT JOIN members m ON m.id = o.member_id"
    " WHERE o.status = 'unknown' AND o.channel = :channel AND o.until_at <= :now"
    " ORDER BY o.until_at LIMIT :most"
)
_DEFER = sql("UPDATE outbox SET until_at = :until_at WHERE id = :id AND status = 'unknown'")
_KNOWN_ID = sql(
    "SELECT 1 FROM outbox WHERE channel = :channel AND provider_id = :provider_id"
    " AND provider_id <> ''"
)
_ROW_OF = sql(
    "SELECT id, attempt FROM outbox WHERE channel = :channel AND provider_id = :provider_id"
    " AND provider_id <> '' ORDER BY id DESC LIMIT 1"
)
_RECEIPT = sql(
    "UPDATE outbox SET status = :status, reason = :reason, settled_at = :now, recipient = '',"
    " provider_id = CASE WHEN provider_id = '' THEN :provider_id ELSE provider_id END,"
    " sent_at = CASE WHEN sent_at = 0 THEN CAST(:now AS BIGINT) ELSE sent_at END"
    " WHERE id = :id AND attempt = :attempt AND channel = :channel"
    " AND (provider_id = '' OR provider_id = :provider_id)"
    " AND status IN ('sending', 'unknown', :open) RETURNING member_id, address_id, kind, question"
)
_ATTEMPT_RECEIPT = sql(
    "UPDATE attempts SET status = :status, error = :reason WHERE outbox_id = :id"
    " AND attempt = :attempt AND status NOT IN ('delivered', 'undelivered', 'failed')"
)
# A late receipt says the message did arrive by an earlier attempt: no other need leave.
_ARRIVED_EARLIER = sql(
    "UPDATE outbox SET status = 'delivered', settled_at = :now, reason = 'earlier attempt'"
    " WHERE id = :id AND attempt > :attempt AND status IN ('queued', 'held')"
)
_MOVE_ON = sql(
    "UPDATE outbox SET status = 'queued', until_at = 0, tries = 0, address_id = :address_id,"
    " channel = :channel, provider_id = '', reason = :reason WHERE id = :id"
    " AND attempt = :attempt"
)
_TRY_AGAIN = sql(
    "UPDATE outbox SET status = 'queued', until_at = :until_at, provider_id = '',"
    " reason = :reason WHERE id = :id AND attempt = :attempt AND tries < :most"
    " AND expires_at > :until_at"
)
_NEXT_ADDRESS = sql(
    "SELECT a.id, a.channel FROM member_addresses ma JOIN addresses a ON a.id = ma.address_id"
    " WHERE ma.member_id = :member_id AND a.state = 'ok' AND a.stopped_at = 0"
    " AND a.id <> :address_id AND a.id NOT IN"
    " (SELECT t.address_id FROM attempts t WHERE t.outbox_id = :id AND t.address_id IS NOT NULL)"
    " ORDER BY a.worked_at DESC, a.id LIMIT 1"
)
_RELEASE = sql(
    "UPDATE outbox SET status = 'queued', until_at = 0 WHERE id IN (SELECT id FROM outbox"
    " WHERE status = 'held' AND until_at <= :now ORDER BY until_at LIMIT :most)"
)
_RELEASE_TURN = sql(
    "UPDATE outbox SET status = 'queued', until_at = 0 WHERE member_id = :member_id"
    f" AND {_WAITING} AND status = 'held' AND reason = 'turn'"
)
_EXPIRE = sql(
    "UPDATE outbox SET status = 'expired', settled_at = :now, recipient = '' WHERE id IN ("
    "SELECT id FROM outbox WHERE status = 'held' AND expires_at <= :now LIMIT :most)"
)
_STOP = sql(
    "UPDATE outbox SET status = 'stopped', settled_at = :now, recipient = ''"
    f" WHERE member_id = :member_id AND {_WAITING} AND status IN ('queued', 'held')"
)
_STOP_ADDRESS = sql(
    "UPDATE outbox SET status = 'stopped', settled_at = :now, recipient = ''"
    " WHERE address_id = :address_id AND kind = 0 AND address_id IS NOT NULL"
    " AND status IN ('queued', 'held')"
)
_HALT = sql(
    "UPDATE outbox SET status = 'cancelled', settled_at = :now WHERE batch_id = :batch_id"
    " AND status IN ('queued', 'held')"
)
_BY_STATUS = sql("SELECT status, COUNT(*) FROM outbox WHERE batch_id = :batch_id GROUP BY status")
_HELD_BY = sql(
    "SELECT reason, COUNT(*), MIN(until_at) FROM outbox WHERE batch_id = :batch_id"
    " AND status = 'held' GROUP BY reason ORDER BY reason"
)
_DEPTH = sql(
    "SELECT kind, COUNT(*) FROM outbox WHERE channel = :channel AND status = 'queued' GROUP BY kind"
)
_UNSEEN = sql(
    "SELECT round_id, question, status FROM outbox WHERE member_id = :member_id"
    f" AND {_WAITING} AND question IS NOT NULL ORDER BY id DESC LIMIT 5"
)
_BLANK_ROUND = sql(
    "UPDATE outbox SET text = '', choices = '', round_id = NULL, question = NULL,"
    " status = CASE WHEN status IN ('queued', 'held') THEN 'cancelled' ELSE status END"
    " WHERE round_id = :round_id AND round_id IS NOT NULL AND kind = 0"
)
_BLANK_MEMBER = sql(
    "UPDATE outbox SET text = '', choices = '', recipient = '' WHERE address_id = :address_id"
    " AND kind = 0 AND address_id IS NOT NULL"
)
_PRUNE = sql(
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE kind = 0"
    " AND queued_at < :before AND status NOT IN ('queued', 'held', 'sending', 'unknown')"
    " ORDER BY queued_at LIMIT :most)"
)


async def reply(
    tx: Tx,
    *,
    member_id: int | None,
    address_id: int | None,
    recipient: str,
    channel: str,
    text: str,
    choices: str,
    language: str,
    round_id: int | None,
    question: int | None,
    now: int,
    expires_at: int,
) -> None:
    """Queue one direct reply. `question` is the one it opens in `round_id`, if any."""
    await tx.run(
        _REPLY, member_id=member_id, address_id=address_id, recipient=recipient, channel=channel,
        text=text, choices=choices, language=language, round_id=round_id, question=question,
        now=now, expires_at=expires_at,
    )  # fmt: skip
    await tx.notify(OUTBOX)


async def claim(
    tx: Tx, channel: str, *, most: int, most_kind: int, lease_until: int, now: int
) -> list[Claimed]:
    """Mark rows that may leave now as sending, replies first, and return them with facts."""
    rows = await tx.rows(
        _CLAIM[tx.engine], channel=channel, most=most, most_kind=most_kind,
        lease_until=lease_until, now=now,
    )  # fmt: skip
    return await facts(tx, [row[0] for row in rows]) if rows else []


async def facts(tx: Tx, ids: Sequence[int]) -> list[Claimed]:
    """Return claimed rows as they stand now; those no longer sending are left out."""
    rows = await tx.rows(_FACTS[tx.engine], ids=json.dumps(list(ids)))
    return [Claimed(*row) for row in rows]


async def told(tx: Tx, ids: Sequence[int], since: int, now: int) -> dict[int, list[int]]:
    """Return when the members of these rows were told something unsolicited, by member."""
    found: dict[int, list[int]] = {}
    for member_id, at in await tx.rows(
        _TOLD[tx.engine], ids=json.dumps(list(ids)), since=since, now=now
    ):
        found.setdefault(member_id, []).append(at)
    return found


async def renew(tx: Tx, ids: Sequence[int], lease_until: int) -> None:
    """Keep rows that are still being sent."""
    await tx.run(_RENEW[tx.engine], ids=json.dumps(list(ids)), lease_until=lease_until)


# --- settling: each takes many rows, of which only those of the present attempt change ---


async def settle_sent(tx: Tx, settled: Iterable[Row]) -> None:
    """Settle rows the provider took: id, attempt, provider_id, segments, at, now."""
    await tx.many(_SENT, settled)


async def introduced(tx: Tx, ids: Iterable[int]) -> None:
    """Keep that the members of these rows have been told who we are."""
    await tx.many(_INTRODUCED, [{"id": row} for row in ids])


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
    """Queue a new attempt: id, attempt, until_at, reason, uncounted (0 or 1), maybe_twice."""
    await tx.many(_AGAIN, settled)


async def settle_unknown(tx: Tx, settled: Iterable[Row]) -> None:
    """Mark rows whose outcome is not known: id, attempt, until_at, reason."""
    await tx.many(_UNKNOWN, settled)


async def keep_attempts(tx: Tx, ended: Iterable[Row]) -> None:
    """Keep attempts that another follows: id, attempt, status, error, now."""
    await tx.many(_KEEP_ATTEMPT, ended)


async def lapsed(tx: Tx, now: int, until_at: int) -> int:
    """Mark as unknown the rows whose sender has gone, and return how many."""
    return await tx.run(_LAPSED, now=now, until_at=until_at)


async def doubtful(tx: Tx, channel: str, now: int, most: int) -> list[Row]:
    """Return unknown rows that are due to be looked into."""
    return await tx.rows(_DOUBTFUL, channel=channel, now=now, most=most)


async def defer(tx: Tx, row: int, until_at: int) -> None:
    """Look into an unknown row later."""
    await tx.run(_DEFER, id=row, until_at=until_at)


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
) -> Row | None:
    """Let a receipt move a row's status forward; None when it changes nothing.

    Returns (member_id, address_id, kind, question).
    """
    changed = await tx.row(
        _RECEIPT, id=row, attempt=attempt, channel=channel, provider_id=provider_id,
        status=status, reason=reason, now=now, open="sending" if status == "sent" else "sent",
    )  # fmt: skip
    if changed is None:
        await tx.run(_ATTEMPT_RECEIPT, id=row, attempt=attempt, status=status, reason=reason)
        if status == "delivered":
            await tx.run(_ARRIVED_EARLIER, id=row, attempt=attempt, now=now)
    return changed


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
    await tx.run(
        _MOVE_ON, id=row, attempt=attempt, address_id=found[0], channel=found[1], reason=reason
    )
    await tx.notify(OUTBOX)
    return True


# --- waiting rows ---


async def release(tx: Tx, now: int, most: int) -> int:
    """Queue held rows whose time has come."""
    return await tx.run(_RELEASE, now=now, most=most)


async def release_turn(tx: Tx, member_id: int) -> None:
    """Queue the questions that waited for this person to be free."""
    await tx.run(_RELEASE_TURN, member_id=member_id)
    await tx.notify(OUTBOX)


async def expire(tx: Tx, now: int, most: int) -> int:
    """End held rows whose time to live is over."""
    return await tx.run(_EXPIRE, now=now, most=most)


async def stop(tx: Tx, member_id: int | None, address_id: int, now: int) -> None:
    """End what waits for a person, and for the address that said stop."""
    if member_id:
        await tx.run(_STOP, member_id=member_id, now=now)
    await tx.run(_STOP_ADDRESS, address_id=address_id, now=now)
    await tx.notify(GATE)


async def halt(tx: Tx, batch_id: int, now: int) -> int:
    """End what waits of a batch, and return how many."""
    await tx.notify(GATE)
    return await tx.run(_HALT, batch_id=batch_id, now=now)


async def unseen(tx: Tx, member_id: int) -> list[Row]:
    """Return (round_id, question, status) of questions on their way to a person."""
    return await tx.rows(_UNSEEN, member_id=member_id)


# --- figures ---


async def by_status(tx: Tx, batch_id: int) -> dict[str, int]:
    """Return how many recipients of a batch have each status."""
    return {str(r[0]): int(r[1]) for r in await tx.rows(_BY_STATUS, batch_id=batch_id)}


async def held(tx: Tx, batch_id: int) -> list[Row]:
    """Return (reason, people, earliest until_at) of a batch's held rows."""
    return await tx.rows(_HELD_BY, batch_id=batch_id)


async def depth(tx: Tx, channel: str) -> dict[int, int]:
    """Return how many rows are queued on a channel, by kind."""
    return {int(r[0]): int(r[1]) for r in await tx.rows(_DEPTH, channel=channel)}


# --- forgetting ---


async def blank_round(tx: Tx, round_id: int) -> None:
    """Blank the echoes of a round, and cut what ties them to it."""
    await tx.run(_BLANK_ROUND, round_id=round_id)


async def blank_address(tx: Tx, address_id: int) -> None:
    """Blank every reply to an address."""
    await tx.run(_BLANK_MEMBER, address_id=address_id)


async def prune(tx: Tx, before: int, most: int) -> int:
    """Delete settled replies older than an instant, a bounded number at once."""
    return await tx.run(_PRUNE, before=before, most=most)
