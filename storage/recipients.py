"""Recipients: whom a batch is for, and the row of the outbox that each of them gets.

A chunk is a stretch of the members' ids: whatever its audience, it costs no more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.addresses import BEST
from storage.audience import where
from storage.database import sql
from storage.errors import Busy

if TYPE_CHECKING:
    from storage.audience import Audience
    from storage.batches import Batch
    from storage.database import Engine, Row, Tx, Value

QUESTION_KINDS = {"poll"}

_LAST = sql("SELECT COALESCE(MAX(id), 0) FROM members")
_ADVANCE = sql(
    "UPDATE batches SET cursor = :cursor, recipients = recipients + :count, state = :state"
    " WHERE id = :id AND cursor = :before AND state IN ('scheduled', 'queueing')"
)
# The members of an audience who may be written to; {where} is the audience's condition.
_MEMBERS = "FROM members m WHERE m.state = 'member' AND m.stopped_at = 0 AND ({where})"
_RESPONDENTS = (
    "FROM members m JOIN respondents w ON w.member_id = m.id AND w.round_id = :round_id"
    " WHERE m.state = 'member' AND m.stopped_at = 0"
)
# PostgreSQL would read all addresses for every chunk, were it not told to look each up; and for
# every member, as long as its statistics say nothing of people who were imported a minute ago.
_BEST_BY_KEY = (
    "FROM member_addresses ma CROSS JOIN LATERAL (SELECT b.id, b.channel, b.worked_at"
    " FROM addresses b WHERE b.id = ma.address_id AND b.state = 'ok' AND b.stopped_at = 0"
    " OFFSET 0) a WHERE ma.member_id = m.id ORDER BY a.worked_at DESC, a.id LIMIT 1"
)
_REACHED_BY: dict[Engine, str] = {
    "sqlite": f"LEFT JOIN addresses x ON x.id = (SELECT a.id {BEST.format(member='m.id')})",
    "postgresql": f"LEFT JOIN LATERAL (SELECT a.id, a.channel {_BEST_BY_KEY}) x ON TRUE",
}
_QUEUE = (
    "INSERT INTO outbox (batch_id, kind, member_id, address_id, channel, status, round_id,"
    " question, queued_at, settled_at, expires_at)"
    " SELECT CAST(:batch_id AS BIGINT), CAST(:kind AS SMALLINT), m.id, x.id,"
    " COALESCE(x.channel, ''), CASE WHEN x.id IS NULL THEN 'unreachable' ELSE 'queued' END,"
    " CAST(:question_round AS BIGINT), CAST(:question AS SMALLINT), CAST(:now AS BIGINT),"
    " CASE WHEN x.id IS NULL THEN CAST(:now AS BIGINT) ELSE 0 END, CAST(:expires_at AS BIGINT)"
    " FROM (SELECT m.id {members} AND m.id > :after AND m.id <= :last) m {reached_by}"
)
_REACH = (
    "SELECT COALESCE(x.channel, ''), m.language, COALESCE(p.timezone, ''), m.introduced, COUNT(*)"
    " FROM (SELECT m.id, m.language, m.platform_id, m.introduced {members}) m"
    " LEFT JOIN platforms p ON p.id = m.platform_id {reached_by} GROUP BY 1, 2, 3, 4"
)
_CAPPED = (
    "SELECT COUNT(*) FROM (SELECT m.id {members}) m WHERE"
    " (SELECT COUNT(*) FROM outbox o WHERE o.member_id = m.id AND o.kind = 1 AND o.sent_at > 0"
    " AND o.sent_at > :since) >= :most"
)
_PEOPLE = "SELECT COUNT(*) FROM (SELECT m.id {members} LIMIT :most) c"
_TYPES = "SELECT m.type, COUNT(*) {members} GROUP BY 1"
_STOPPED = (
    "SELECT COUNT(*) FROM members m WHERE m.state = 'member' AND m.stopped_at > 0 AND ({where})"
)


def _filled(
    template: str, engine: Engine, audience: Audience, of_round: int | None = None
) -> tuple[str, dict[str, Value]]:
    """Return a statement over an audience, or over a round's respondents, and its values."""
    if of_round is None:
        condition, values = where(audience)
        members = _MEMBERS.replace("{where}", condition)
    else:
        condition, members, values = "", _RESPONDENTS, {"round_id": of_round}
    filled = template.replace("{members}", members).replace("{where}", condition)
    return filled.replace("{reached_by}", _REACHED_BY[engine]), values


async def queue_chunk(tx: Tx, batch: Batch, audience: Audience, now: int, span: int) -> int:
    """Queue a row for each recipient of a batch among the next `span` members; return how many.

    Advances the batch's cursor, and ends it when its audience is through.
    Raises Busy where another process did so, or halted it, meanwhile.
    """
    [[end]] = await tx.rows(_LAST)
    last = min(batch.cursor + span, int(end))
    of_round = batch.round_id if batch.kind == "result" else None
    statement, values = _filled(_QUEUE, tx.engine, audience, of_round)
    asks = batch.kind in QUESTION_KINDS
    count = await tx.run(
        statement, batch_id=batch.id, kind=2 if batch.solicited else 1,
        question_round=batch.round_id if asks else None, question=0 if asks else None, now=now,
        expires_at=batch.expires_at, after=batch.cursor, last=last, **values,
    )  # fmt: skip
    advanced = await tx.run(
        _ADVANCE, id=batch.id, before=batch.cursor, cursor=max(last, batch.cursor), count=count,
        state="queued" if last >= end else "queueing",
    )  # fmt: skip
    if not advanced:
        raise Busy(f"another process has broadcast {batch.id}")
    return count


async def reach(tx: Tx, audience: Audience) -> list[Row]:
    """Return (channel, language, timezone, introduced, people) of an audience.

    Channel "" can't be reached; who is not introduced is told first who writes.
    """
    statement, values = _filled(_REACH, tx.engine, audience)
    return await tx.rows(statement, **values)


async def capped(tx: Tx, audience: Audience, since: int, most: int) -> int:
    """Return how many of an audience have had `most` unsolicited messages since an instant."""
    statement, values = _filled(_CAPPED, tx.engine, audience)
    [[people]] = await tx.rows(statement, since=since, most=most, **values)
    return int(people)


async def people(tx: Tx, audience: Audience, most: int) -> int:
    """Return how many an audience has, counted no further than `most`."""
    statement, values = _filled(_PEOPLE, tx.engine, audience)
    [[found]] = await tx.rows(statement, most=most, **values)
    return int(found)


async def types(tx: Tx, audience: Audience) -> dict[str, int]:
    """Return how many of each stakeholder type an audience has."""
    statement, values = _filled(_TYPES, tx.engine, audience)
    return {str(row[0]): int(row[1]) for row in await tx.rows(statement, **values)}


async def stopped(tx: Tx, audience: Audience) -> int:
    """Return how many of an audience have asked us to stop."""
    statement, values = _filled(_STOPPED, tx.engine, audience)
    [[people]] = await tx.rows(statement, **values)
    return int(people)
