"""Claims: the rows of the outbox that are being sent, and those whose outcome is not known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from storage.database import sql, sql_among, sql_chosen
from storage.outbox import WAITING
from storage.several import sql_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.database import Engine, Row, Tx


class Claimed(NamedTuple):
    """A row about to be sent, with all that the gate and the text need. Instants in ms.

    `batch_state`, `round_state` and `dialog` are "" where there is none. `turn_at` is when
    the person's latest other question opened, `asking` that one of another claim is on its way.
    `outdone` says that a later row replaces the same message.
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
    maybe_twice: bool = False
    picture: str = ""
    edits: str = ""
    outdone: bool = False


# What is being sent, or may have been. Said so that no index of what waits serves it: rows that
# are known by their ids are found by these, however many others wait.
OPEN = "COALESCE(o.status, '') IN ('sending', 'unknown')"

# Of several processes each takes its own, and what another sends to the same phone comes first.
_NEXT: dict[Engine, str] = {
    "sqlite": "",
    "postgresql": " AND NOT EXISTS (SELECT 1 FROM outbox q WHERE q.address_id = w.address_id"
    " AND q.status = 'sending')",
}
_LOCKED: dict[Engine, str] = {"sqlite": "", "postgresql": " FOR UPDATE SKIP LOCKED"}
# Rows that may be sent next, as they would be then; and rows that are being sent, as they are.
_WAITING_FROM = (
    "(SELECT w.* FROM outbox w WHERE w.channel = :channel AND w.status = 'queued'"
    " AND w.kind <= :most_kind AND w.until_at <= :now{next}"
    " ORDER BY w.kind, w.until_at, w.id LIMIT :most{locked}) o"
)
_FACTS_TEXT = (
    "SELECT o.id, o.batch_id, o.kind, o.member_id, o.address_id, COALESCE(a.value, o.recipient),"
    " o.text, o.choices, {language}, o.round_id, o.question, {attempt}, {tries}, o.expires_at,"
    " o.queued_at, COALESCE(a.state, 'ok'), COALESCE(a.stopped_at, 0),"
    " COALESCE(m.stopped_at, 0), COALESCE(m.state, ''), COALESCE(m.introduced, TRUE),"
    " COALESCE(p.timezone, ''), COALESCE(b.state, ''), COALESCE(r.state, ''),"
    " COALESCE(r.closes_at, 0), COALESCE(d.state, ''),"
    " CASE WHEN o.question IS NULL OR o.kind = 0 THEN 0 ELSE COALESCE((SELECT MAX(x.opened_at)"
    " FROM dialogs x JOIN rounds y ON y.id = x.round_id WHERE x.member_id = o.member_id"
    " AND x.state IN ('asked', 'open') AND x.round_id <> o.round_id AND y.state = 'open'), 0) END,"
    " CASE WHEN o.question IS NULL OR o.kind = 0 THEN FALSE ELSE EXISTS (SELECT 1 FROM outbox q"
    f" WHERE q.member_id = o.member_id AND q.{WAITING} AND q.status IN ('sending', 'unknown')"
    " AND q.until_at < q.expires_at AND q.question IS NOT NULL AND q.kind > 0{others}) END,"
    " o.maybe_twice, o.picture, o.edits, CASE WHEN o.edits = '' THEN FALSE ELSE EXISTS (SELECT 1"
    " FROM outbox q WHERE q.address_id = o.address_id AND q.kind = 0 AND q.id > o.id"
    " AND q.edits = o.edits) END FROM {source} LEFT JOIN addresses a ON a.id = o.address_id"
    " LEFT JOIN members m ON m.id = o.member_id LEFT JOIN platforms p ON p.id = m.platform_id"
    " LEFT JOIN batches b ON b.id = o.batch_id LEFT JOIN rounds r ON r.id = o.round_id"
    " LEFT JOIN dialogs d ON d.member_id = o.member_id AND d.round_id = o.round_id{where}"
    " ORDER BY o.kind, o.id"
)
_CLAIM: dict[Engine, str] = {
    engine: sql(
        _FACTS_TEXT.format(
            language="COALESCE(m.language, o.language)", attempt="o.attempt + 1",
            tries="o.tries + 1", others="", where="",
            source=_WAITING_FROM.format(next=_NEXT[engine], locked=_LOCKED[engine]),
        ),
        engine,
    )
    for engine in _NEXT
}  # fmt: skip
_FACTS = sql_among(
    _FACTS_TEXT.format(
        language="o.language", attempt="o.attempt", tries="o.tries",
        others=" AND q.id NOT IN ({ids})", source="outbox o",
        where=f" WHERE o.id IN ({{ids}}) AND {OPEN}",
    )
)  # fmt: skip
_TAKE = sql_each(
    "UPDATE outbox SET status = 'sending', lease_until = :lease_until, attempt = attempt + 1,"
    " tries = tries + 1, reason = '', language = x.spoken, said = x.digest, segments = x.size"
    " FROM {rows} x WHERE outbox.id = x.row",
    row="BIGINT", spoken="TEXT", digest="TEXT", size="BIGINT",
)  # fmt: skip
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
    "UPDATE outbox SET lease_until = :lease_until WHERE id IN ({ids})"
    " AND COALESCE(status, '') = 'sending' RETURNING id, attempt"
)
# Whoever asks settles them next: a receipt that comes to another process meanwhile waits.
_OURS_TEXT = f"SELECT o.id, o.attempt FROM outbox o WHERE o.id IN ({{ids}}) AND {OPEN}"
_OURS: dict[Engine, str] = {
    "sqlite": sql_among(_OURS_TEXT)["sqlite"],
    "postgresql": sql_among(f"{_OURS_TEXT} ORDER BY o.id FOR UPDATE")["postgresql"],
}
_LAPSED = sql(
    "UPDATE outbox SET status = 'unknown', until_at = :until_at, reason = 'lease'"
    " WHERE status = 'sending' AND lease_until < :now"
)
# Taken for a while, so that of several processes one looks into each.
_DOUBTFUL = sql_chosen(
    "UPDATE outbox SET until_at = :again_at WHERE id IN [SELECT o.id FROM outbox o"
    " WHERE o.status = 'unknown' AND o.channel = :channel AND o.until_at <= :now"
    " ORDER BY o.until_at LIMIT :most{locked}] RETURNING id, attempt,"
    " COALESCE((SELECT a.value FROM addresses a WHERE a.id = outbox.address_id), recipient),"
    " said, segments, kind, question, tries, queued_at, expires_at, lease_until,"
    " edits",
    locked=_LOCKED["postgresql"],
)
_DEFER = sql("UPDATE outbox SET until_at = :until_at WHERE id = :id AND status = 'unknown'")
_GIVE_UP = sql(
    "UPDATE outbox SET until_at = :until_at, recipient = '' WHERE id = :id AND status = 'unknown'"
)


async def alone(tx: Tx, channel: str) -> None:
    """Let no other process claim on this channel until the unit ends."""
    await tx.lock("claim", channel)


async def claim(tx: Tx, channel: str, *, most: int, most_kind: int, now: int) -> list[Claimed]:
    """Return rows that may leave now, replies first, as they are once they are taken.

    They are to be taken in the same unit; nobody else changes them meanwhile.
    """
    rows = await tx.rows(
        _CLAIM[tx.engine], channel=channel, most=most, most_kind=most_kind, now=now
    )
    return [Claimed._make(row) for row in rows]


async def take(tx: Tx, taken: Sequence[tuple[int, str, str, int]], lease_until: int) -> None:
    """Mark rows as being sent: id, language, said, segments.

    `said` is a digest of what is about to leave, so that it can be looked for: by the time of a
    look-up the batch may say something else.
    """
    await tx.post(_TAKE[tx.engine], rows=json.dumps(taken), lease_until=lease_until)


async def facts(tx: Tx, ids: Sequence[int]) -> list[Claimed]:
    """Return claimed rows as they stand now; those no longer sending are left out."""
    rows = await tx.rows(_FACTS[tx.engine], ids=json.dumps(list(ids)))
    return [Claimed._make(row) for row in rows]


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


async def lapsed(tx: Tx, now: int, until_at: int) -> int:
    """Mark as unknown the rows whose sender has gone, and return how many."""
    return await tx.run(_LAPSED, now=now, until_at=until_at)


async def doubtful(tx: Tx, channel: str, now: int, again_at: int, most: int) -> list[Row]:
    """Take unknown rows that are due to be looked into; nobody else does before `again_at`."""
    return await tx.rows(
        _DOUBTFUL[tx.engine], channel=channel, now=now, again_at=again_at, most=most
    )


async def defer(tx: Tx, row: int, until_at: int) -> None:
    """Look into an unknown row later."""
    await tx.run(_DEFER, id=row, until_at=until_at)


async def give_up(tx: Tx, row: int, until_at: int) -> None:
    """Leave a row unknown until an instant that never comes, and forget whose number it bears."""
    await tx.run(_GIVE_UP, id=row, until_at=until_at)
