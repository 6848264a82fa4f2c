"""Claims: the rows of the outbox that are being sent, and those whose outcome is not known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.database import sql, sql_among
from storage.outbox import WAITING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.database import Row, Tx


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
    " AND x.state IN ('asked', 'open') AND x.round_id <> o.round_id AND y.state = 'open'), 0) END,"
    " CASE WHEN o.question IS NULL OR o.kind = 0 THEN FALSE ELSE EXISTS (SELECT 1 FROM outbox q"
    f" WHERE q.member_id = o.member_id AND q.{WAITING} AND q.status IN ('sending', 'unknown')"
    " AND q.until_at < q.expires_at AND q.question IS NOT NULL AND q.kind > 0"
    " AND q.id NOT IN ({ids})) END"
    " FROM outbox o LEFT JOIN addresses a ON a.id = o.address_id"
    " LEFT JOIN members m ON m.id = o.member_id LEFT JOIN platforms p ON p.id = m.platform_id"
    " LEFT JOIN batches b ON b.id = o.batch_id LEFT JOIN rounds r ON r.id = o.round_id"
    " LEFT JOIN dialogs d ON d.member_id = o.member_id AND d.round_id = o.round_id"
    " WHERE o.id IN ({ids}) AND o.status IN ('sending', 'unknown')"
    " ORDER BY o.kind, o.id"
)
# What did not arrive told nobody anything; what may have counts from when it was last in hand.
_TOLD = sql_among(
    "SELECT o.member_id, o.sent_at FROM outbox o WHERE o.kind = 1 AND o.sent_at > 0"
    " AND o.sent_at > :since AND o.status NOT IN ('failed', 'undelivered', 'expired')"
    " AND o.member_id IN"
    " (SELECT z.member_id FROM outbox z WHERE z.id IN ({ids}))"
    " UNION ALL SELECT q.member_id, CASE WHEN q.lease_until < :now THEN q.lease_until"
    " ELSE CAST(:now AS BIGINT) END FROM outbox q"
    " WHERE q.status IN ('queued', 'held', 'sending', 'unknown')"
    " AND q.status IN ('sending', 'unknown') AND q.kind = 1 AND q.lease_until > :since"
    " AND q.id NOT IN ({ids})"
    " AND q.member_id IN (SELECT z.member_id FROM outbox z WHERE z.id IN ({ids}))"
)
_RENEW = sql_among(
    "UPDATE outbox SET lease_until = :lease_until WHERE id IN ({ids}) AND status = 'sending'"
    " RETURNING id, attempt"
)
_OURS = sql_among(
    "SELECT id, attempt FROM outbox WHERE id IN ({ids}) AND status IN ('sending', 'unknown')"
)
_NOTE = sql("UPDATE outbox SET said = :said, segments = :segments WHERE id = :id")
_LAPSED = sql(
    "UPDATE outbox SET status = 'unknown', until_at = :until_at, reason = 'lease'"
    " WHERE status = 'sending' AND lease_until < :now"
)
_DOUBTFUL = sql(
    "SELECT o.id, o.attempt, COALESCE(a.value, o.recipient), o.said, o.segments, o.kind,"
    " o.question, o.tries, o.queued_at, o.expires_at, o.lease_until"
    " FROM outbox o LEFT JOIN addresses a ON a.id = o.address_id"
    " WHERE o.status = 'unknown' AND o.channel = :channel AND o.until_at <= :now"
    " ORDER BY o.until_at LIMIT :most"
)
_DEFER = sql("UPDATE outbox SET until_at = :until_at WHERE id = :id AND status = 'unknown'")
_GIVE_UP = sql(
    "UPDATE outbox SET until_at = :until_at, recipient = '' WHERE id = :id AND status = 'unknown'"
)


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


async def renew(tx: Tx, ids: Sequence[int], lease_until: int) -> set[tuple[int, int]]:
    """Keep rows that are still being sent; return (id, attempt) of each."""
    rows = await tx.rows(_RENEW[tx.engine], ids=json.dumps(list(ids)), lease_until=lease_until)
    return {(int(row[0]), int(row[1])) for row in rows}


async def ours(tx: Tx, ids: Sequence[int]) -> set[tuple[int, int]]:
    """Return (id, attempt) of the rows whose present attempt has not been settled."""
    rows = await tx.rows(_OURS[tx.engine], ids=json.dumps(list(ids)))
    return {(int(row[0]), int(row[1])) for row in rows}


async def note(tx: Tx, leaving: Iterable[Row]) -> None:
    """Keep what is about to leave, so that it can be looked for: id, said, segments.

    `said` is a digest: by the time of a look-up the batch may say something else.
    """
    await tx.many(_NOTE, leaving)


async def lapsed(tx: Tx, now: int, until_at: int) -> int:
    """Mark as unknown the rows whose sender has gone, and return how many."""
    return await tx.run(_LAPSED, now=now, until_at=until_at)


async def doubtful(tx: Tx, channel: str, now: int, most: int) -> list[Row]:
    """Return unknown rows that are due to be looked into."""
    return await tx.rows(_DOUBTFUL, channel=channel, now=now, most=most)


async def defer(tx: Tx, row: int, until_at: int) -> None:
    """Look into an unknown row later."""
    await tx.run(_DEFER, id=row, until_at=until_at)


async def give_up(tx: Tx, row: int, until_at: int) -> None:
    """Leave a row unknown until an instant that never comes, and forget whose number it bears."""
    await tx.run(_GIVE_UP, id=row, until_at=until_at)
