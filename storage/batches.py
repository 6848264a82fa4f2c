"""Batches: one telling or asking of many, queued in chunks that survive a crash."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from storage.audience import where
from storage.database import GATE, sql
from storage.errors import NotFound

if TYPE_CHECKING:
    from storage.audience import Audience
    from storage.database import Row, Tx, Value

Kind = Literal["announcement", "poll", "result"]
State = Literal["scheduled", "queueing", "queued", "halted"]


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. `texts` by language; instants in ms; `cursor` is the last member queued."""

    id: int
    kind: Kind
    round_id: int | None
    platform_id: int | None
    audience: str
    texts: dict[str, str]
    solicited: bool
    state: State
    cursor: int
    recipients: int
    due_at: int
    expires_at: int
    created_by: int | None


_COLUMNS = (
    "id, kind, round_id, platform_id, audience, texts, solicited, state, cursor, recipients,"
    " due_at, expires_at, created_by"
)
_ADD = sql(
    "INSERT INTO batches (kind, round_id, platform_id, audience, texts, solicited, state, due_at,"
    " expires_at, created_by, created_at) VALUES (:kind, :round_id, :platform_id, :audience,"
    " :texts, :solicited, :state, :due_at, :expires_at, :by, :now) RETURNING id"
)
_BY_ID = sql(f"SELECT {_COLUMNS} FROM batches WHERE id = :id")
_OF_ROUND = sql(
    f"SELECT {_COLUMNS} FROM batches WHERE round_id = :round_id AND kind = 'poll'"
    " ORDER BY id LIMIT 1"
)
_DUE = sql(
    f"SELECT {_COLUMNS} FROM batches WHERE state IN ('scheduled', 'queueing')"
    " AND due_at <= :now ORDER BY due_at, id LIMIT 1"
)
_ADVANCE = sql(
    "UPDATE batches SET cursor = :cursor, recipients = recipients + :count, state = :state"
    " WHERE id = :id AND state IN ('scheduled', 'queueing')"
)
_HALT = sql("UPDATE batches SET state = 'halted' WHERE id = :id AND state <> 'halted'")
_TEXTS = sql("SELECT texts FROM batches WHERE id = :id")
_EXTEND = sql("UPDATE batches SET texts = :texts, expires_at = :expires_at WHERE id = :id")

# The members of an audience who may be written to; {where} is the audience's condition.
_MEMBERS = "FROM members m WHERE m.state = 'member' AND m.stopped_at = 0 AND ({where})"
_RESPONDENTS = (
    "FROM members m JOIN respondents w ON w.member_id = m.id AND w.round_id = :round_id"
    " WHERE m.state = 'member' AND m.stopped_at = 0"
)
_CHUNK = (
    "SELECT COUNT(*), COALESCE(MAX(c.id), 0) FROM (SELECT m.id {members} AND m.id > :after"
    " ORDER BY m.id LIMIT :most) c"
)
# The address that last worked, of those that can be reached.
_BEST = (
    "SELECT a.id FROM member_addresses ma JOIN addresses a ON a.id = ma.address_id"
    " WHERE ma.member_id = m.id AND a.state = 'ok' AND a.stopped_at = 0"
    " ORDER BY a.worked_at DESC, a.id LIMIT 1"
)
_QUEUE = (
    "INSERT INTO outbox (batch_id, kind, member_id, address_id, channel, status, round_id,"
    " question, queued_at, settled_at, expires_at)"
    " SELECT CAST(:batch_id AS BIGINT), CAST(:kind AS SMALLINT), m.id, x.id,"
    " COALESCE(x.channel, ''), CASE WHEN x.id IS NULL THEN 'unreachable' ELSE 'queued' END,"
    " CAST(:question_round AS BIGINT), CAST(:question AS SMALLINT), CAST(:now AS BIGINT),"
    " CASE WHEN x.id IS NULL THEN CAST(:now AS BIGINT) ELSE 0 END, CAST(:expires_at AS BIGINT)"
    " FROM (SELECT m.id {members} AND m.id > :after AND m.id <= :last) m"
    f" LEFT JOIN addresses x ON x.id = ({_BEST})"
)
_REACH = (
    "SELECT COALESCE(x.channel, ''), m.language, COALESCE(p.timezone, ''), m.introduced, COUNT(*)"
    " FROM (SELECT m.id, m.language, m.platform_id, m.introduced {members}) m"
    " LEFT JOIN platforms p ON p.id = m.platform_id"
    f" LEFT JOIN addresses x ON x.id = ({_BEST}) GROUP BY 1, 2, 3, 4"
)
_CAPPED = (
    "SELECT COUNT(*) FROM (SELECT m.id {members}) m WHERE"
    " (SELECT COUNT(*) FROM outbox o WHERE o.member_id = m.id AND o.kind = 1 AND o.sent_at > 0"
    " AND o.sent_at > :since) >= :most"
)
_TYPES = "SELECT m.type, COUNT(*) {members} GROUP BY 1"
_STOPPED = (
    "SELECT COUNT(*) FROM members m WHERE m.state = 'member' AND m.stopped_at > 0 AND ({where})"
)

QUESTION_KINDS = {"poll"}
# What `due` finds: somebody of it is still to be queued.
TO_QUEUE = {"scheduled", "queueing"}


def _batch(row: Row) -> Batch:
    (id_, kind, round_id, platform_id, audience, texts, *rest) = row
    solicited, *others = rest
    return Batch(
        id_, kind, round_id, platform_id, audience, json.loads(texts), bool(solicited), *others
    )


async def add(
    tx: Tx,
    *,
    kind: Kind,
    round_id: int | None,
    platform_id: int | None,
    audience: str,
    texts: dict[str, str],
    solicited: bool,
    due_at: int,
    expires_at: int,
    by: int | None,
    now: int,
) -> int:
    """Add a batch that is queued once it is due, and return its number."""
    row = await tx.row(
        _ADD, kind=kind, round_id=round_id, platform_id=platform_id, audience=audience,
        texts=json.dumps(texts, ensure_ascii=False), solicited=solicited,
        state="scheduled" if due_at > now else "queueing", due_at=due_at,
        expires_at=expires_at, by=by, now=now,
    )  # fmt: skip
    return int(row[0])  # type: ignore[index]


async def by_id(tx: Tx, batch_id: int) -> Batch:
    """Return a batch by its number. Raises NotFound."""
    row = await tx.row(_BY_ID, id=batch_id) if batch_id < 2**63 else None
    if row is None:
        raise NotFound(f"there is no broadcast {batch_id}")
    return _batch(row)


async def of_round(tx: Tx, round_id: int) -> Batch | None:
    """Return the batch that asked a round's question."""
    row = await tx.row(_OF_ROUND, round_id=round_id)
    return _batch(row) if row else None


async def texts(tx: Tx, batch_id: int) -> dict[str, str]:
    """Return a batch's text by language; the id comes from an outbox row."""
    row = await tx.row(_TEXTS, id=batch_id)
    found: dict[str, str] = json.loads(row[0])  # type: ignore[index]
    return found


async def due(tx: Tx, now: int) -> Batch | None:
    """Return the next batch with members still to queue, if its time has come."""
    row = await tx.row(_DUE, now=now)
    return _batch(row) if row else None


async def extend(tx: Tx, batch_id: int, texts: dict[str, str], expires_at: int) -> None:
    """Let what is still to be queued of a batch leave until another instant, and all say so."""
    await tx.run(
        _EXTEND, id=batch_id, texts=json.dumps(texts, ensure_ascii=False), expires_at=expires_at
    )
    await tx.notify(GATE)


async def halt(tx: Tx, batch_id: int) -> bool:
    """Stop a batch: nothing more of it is queued; False when it was halted before."""
    return bool(await tx.run(_HALT, id=batch_id))


def _members(
    batch_kind: str, audience: Audience, round_id: int | None
) -> tuple[str, dict[str, Value]]:
    if batch_kind == "result":
        return _RESPONDENTS, {"round_id": round_id}
    condition, values = where(audience)
    return _MEMBERS.replace("{where}", condition), values


async def queue_chunk(tx: Tx, batch: Batch, audience: Audience, now: int, most: int) -> int:
    """Queue a row for each of the next `most` members of a batch; return how many.

    Advances the batch's cursor, and ends it when its audience is through.
    """
    members, values = _members(batch.kind, audience, batch.round_id)
    count, last = await tx.row(  # type: ignore[misc]
        _CHUNK.replace("{members}", members), after=batch.cursor, most=most, **values
    )
    if count:
        asks = batch.kind in QUESTION_KINDS
        await tx.run(
            _QUEUE.replace("{members}", members), batch_id=batch.id,
            kind=2 if batch.solicited else 1, question_round=batch.round_id if asks else None,
            question=0 if asks else None, now=now, expires_at=batch.expires_at,
            after=batch.cursor, last=last, **values,
        )  # fmt: skip
    state = "queued" if count < most else "queueing"
    await tx.run(
        _ADVANCE, id=batch.id, cursor=max(int(last), batch.cursor), count=count, state=state
    )
    return int(count)


async def reach(tx: Tx, audience: Audience) -> list[Row]:
    """Return (channel, language, timezone, introduced, people) of an audience.

    Channel "" can't be reached; who is not introduced is told first who writes.
    """
    members, values = _members("", audience, None)
    return await tx.rows(_REACH.replace("{members}", members), **values)


async def capped(tx: Tx, audience: Audience, since: int, most: int) -> int:
    """Return how many of an audience have had `most` unsolicited messages since an instant."""
    members, values = _members("", audience, None)
    row = await tx.row(_CAPPED.replace("{members}", members), since=since, most=most, **values)
    return int(row[0])  # type: ignore[index]


async def types(tx: Tx, audience: Audience) -> dict[str, int]:
    """Return how many of each stakeholder type an audience has."""
    members, values = _members("", audience, None)
    rows = await tx.rows(_TYPES.replace("{members}", members), **values)
    return {str(row[0]): int(row[1]) for row in rows}


async def stopped(tx: Tx, audience: Audience) -> int:
    """Return how many of an audience have asked us to stop."""
    condition, values = where(audience)
    row = await tx.row(_STOPPED.replace("{where}", condition), **values)
    return int(row[0])  # type: ignore[index]
