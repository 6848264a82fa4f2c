"""Two members who are one person: what moves from one to the other, and back.

Whoever calls holds the phones of both, and the open rounds in which they stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import answers, dialogs, roles
from storage.database import GATE, OUTBOX, sql
from storage.outbox import WAITING

if TYPE_CHECKING:
    from storage.database import Tx

_OPEN = "SELECT id FROM rounds WHERE state = 'open' AND closes_at > 0"
_STANDS = sql(f"SELECT round_id FROM dialogs WHERE member_id = :younger AND round_id IN ({_OPEN})")
_ANSWERS = sql(
    "INSERT INTO answers (round_id, member_id, question, value, at)"
    " SELECT a.round_id, CAST(:elder AS BIGINT), a.question, a.value, a.at FROM answers a"
    f" WHERE a.member_id = :younger AND a.round_id IN ({_OPEN})"
    " ON CONFLICT (round_id, member_id, question) DO UPDATE SET value = excluded.value,"
    " at = excluded.at WHERE excluded.at >= answers.at"
)
# Of two dialogs about one round that stays in which they did something last.
_GIVE_WAY = sql(
    "DELETE FROM dialogs WHERE member_id = :elder AND round_id IN (SELECT y.round_id"
    " FROM dialogs y JOIN dialogs e ON e.round_id = y.round_id AND e.member_id = :elder"
    f" WHERE y.member_id = :younger AND y.round_id IN ({_OPEN}) AND (y.answered_at > e.answered_at"
    " OR (y.answered_at = e.answered_at AND y.opened_at > e.opened_at)))"
)
_DIALOGS = sql(
    f"UPDATE dialogs SET member_id = :elder WHERE member_id = :younger AND round_id IN ({_OPEN})"
    " AND round_id NOT IN (SELECT e.round_id FROM dialogs e WHERE e.member_id = :elder)"
)
# What one of them has had, or may have had, does not come to the other as well.
_HAVE = "SELECT e.batch_id FROM outbox e WHERE e.member_id = {have} AND e.batch_id IS NOT NULL"
_ONE = (
    "UPDATE outbox SET status = 'cancelled', settled_at = :now WHERE member_id = {of}"
    f" AND {WAITING} AND status IN ('queued', 'held') AND batch_id IN ("
    f"{_HAVE} AND e.{WAITING} AND ({{while_}}) UNION ALL"
    f" {_HAVE} AND e.kind = 1 AND e.sent_at > 0 AND e.status IN ('sent', 'delivered'))"
)
_ONE_OF_ELDER = sql(
    _ONE.format(of=":elder", have=":younger", while_="e.status IN ('sending', 'unknown')")
)
_ONE_OF_YOUNGER = sql(_ONE.format(of=":younger", have=":elder", while_="TRUE"))
# Whoever answered gets the result by a batch that takes members by their age.
_ONE_RESULT = sql(
    "UPDATE outbox SET status = 'cancelled', settled_at = :now WHERE member_id = :younger"
    f" AND {WAITING} AND status IN ('queued', 'held') AND EXISTS (SELECT 1 FROM batches b"
    " JOIN respondents w ON w.round_id = b.round_id AND w.member_id = :elder"
    " WHERE b.id = outbox.batch_id AND b.kind = 'result')"
)
_RESPONDENTS = sql(
    "INSERT INTO respondents (round_id, member_id) SELECT w.round_id, CAST(:elder AS BIGINT)"
    " FROM respondents w WHERE w.member_id = :younger AND w.round_id IN"
    " (SELECT r.id FROM rounds r WHERE r.state = 'closed' AND r.closed_at > :since)"
    " ON CONFLICT DO NOTHING"
)
_WAITING = sql(f"UPDATE outbox SET member_id = :elder WHERE member_id = :younger AND {WAITING}")
_TOLD = sql(
    "UPDATE outbox SET member_id = :elder WHERE member_id = :younger AND kind = 1"
    " AND sent_at > 0 AND sent_at > :since"
)
_TICKETS = sql("UPDATE tickets SET member_id = :elder WHERE member_id = :younger")
_ROLES = sql(
    "INSERT INTO roles (member_id, platform_id, role, granted_at, granted_by)"
    " SELECT CAST(:elder AS BIGINT), r.platform_id, r.role, r.granted_at, r.granted_by"
    " FROM roles r WHERE r.member_id = :younger ON CONFLICT DO NOTHING"
)
_BATCHES = sql(
    "UPDATE batches SET created_by = :elder WHERE created_by = :younger AND created_by IS NOT NULL"
)
_ROUNDS = sql(
    "UPDATE rounds SET created_by = :elder WHERE state = 'open' AND created_by = :younger"
)
_PHONES = sql(
    "INSERT INTO member_addresses (member_id, address_id, linked_at, came_from)"
    " SELECT CAST(:elder AS BIGINT), y.address_id, CAST(:now AS BIGINT),"
    " COALESCE(y.came_from, CAST(:came_from AS BIGINT))"
    " FROM member_addresses y WHERE y.member_id = :younger ON CONFLICT DO NOTHING"
)
_LEAVE_ALL = sql("DELETE FROM member_addresses WHERE member_id = :younger")
_MERGED = sql("UPDATE members SET state = 'merged' WHERE id = :younger")
_STOP_TOO = sql(
    "UPDATE members SET stopped_at = (SELECT y.stopped_at FROM members y WHERE y.id = :younger)"
    " WHERE id = :elder AND stopped_at = 0"
)

_APART = sql(
    "UPDATE members SET state = 'member',"
    " stopped_at = (SELECT e.stopped_at FROM members e WHERE e.id = :elder) WHERE id = :younger"
)
_TAKE_BACK = sql(
    "UPDATE member_addresses SET member_id = :younger, came_from = NULL, linked_at = :now"
    " WHERE member_id = :elder AND came_from = :younger"
)
_LEAVE = sql("DELETE FROM member_addresses WHERE member_id = :elder AND address_id = :address_id")
_ELSEWHERE = sql(
    "UPDATE outbox SET address_id = :best, channel = :channel WHERE member_id = :elder"
    f" AND {WAITING} AND status IN ('queued', 'held') AND kind > 0 AND address_id NOT IN"
    " (SELECT ma.address_id FROM member_addresses ma WHERE ma.member_id = :elder)"
)


async def stands_in(tx: Tx, member_id: int) -> list[int]:
    """Return the open polls in which a member stands."""
    return [int(row[0]) for row in await tx.rows(_STANDS, younger=member_id)]


async def merge(tx: Tx, elder: int, younger: int, now: int, since: int, *, is_member: bool) -> None:
    """Let all of one person be the other's, answers to closed polls aside.

    A member's own row stays as it was, for UNLINK; of somebody who was signing up the caller
    keeps nothing. What was told, and closed, since an instant is told to neither again.
    """
    both = {"elder": elder, "younger": younger}
    await tx.post(_ANSWERS, **both)
    await answers.withdraw(tx, younger)
    await tx.post(_GIVE_WAY, **both)
    await tx.post(_DIALOGS, **both)
    await dialogs.end_member(tx, younger)
    await tx.post(_ONE_OF_ELDER, **both, now=now)
    await tx.post(_ONE_OF_YOUNGER, **both, now=now)
    await tx.post(_ONE_RESULT, **both, now=now)
    await tx.post(_RESPONDENTS, **both, since=since)
    await tx.post(_WAITING, **both)
    await tx.post(_TOLD, **both, since=since)
    for statement in (_TICKETS, _ROLES, _BATCHES, _ROUNDS, _STOP_TOO):
        await tx.post(statement, **both)
    await roles.revoke_all(tx, younger)
    await tx.post(_PHONES, **both, now=now, came_from=younger if is_member else None)
    await tx.post(_LEAVE_ALL, younger=younger)
    if is_member:
        await tx.post(_MERGED, younger=younger)
    await tx.notify(GATE)
    await tx.notify(OUTBOX)


async def part(tx: Tx, elder: int, younger: int, now: int) -> None:
    """Let an earlier self be a member again, with the phones that came from it; stopped, too."""
    await tx.post(_APART, elder=elder, younger=younger)
    await tx.post(_TAKE_BACK, elder=elder, younger=younger, now=now)


async def leave(tx: Tx, member_id: int, address_id: int) -> None:
    """Let a phone be nobody's."""
    await tx.post(_LEAVE, elder=member_id, address_id=address_id)


async def send_elsewhere(tx: Tx, member_id: int, address_id: int, channel: str) -> None:
    """Let what waits for a person on phones that are no longer theirs go to this one."""
    await tx.post(_ELSEWHERE, elder=member_id, best=address_id, channel=channel)
    await tx.notify(GATE)
