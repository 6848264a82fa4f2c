"""Dialogs: where each member stands in each round, so that a dialog outlives a restart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from storage.database import sql, sql_among

if TYPE_CHECKING:
    from storage.database import Tx

# "asked": its message is on its way; "open": it was sent; "rested": left quietly.
State = Literal["asked", "open", "done", "rested"]

_PUT = sql(
    "INSERT INTO dialogs (member_id, round_id, address_id, question, state, tries, opened_at,"
    " answered_at, scratch) VALUES (:member_id, :round_id, :address_id, :question, :state,"
    " :tries, :opened_at, :answered_at, :scratch) ON CONFLICT (member_id, round_id) DO UPDATE SET"
    " address_id = excluded.address_id, question = excluded.question, state = excluded.state,"
    " tries = excluded.tries, opened_at = excluded.opened_at, answered_at = excluded.answered_at,"
    " scratch = excluded.scratch"
)
# A question opens when its message is settled as sent, and only while its round is open.
_ASKED = (
    "outbox o JOIN rounds r ON r.id = o.round_id AND r.state = 'open'"
    " WHERE o.id IN ({ids}) AND o.question IS NOT NULL AND o.member_id IS NOT NULL"
)
_OPEN = sql_among(
    "UPDATE dialogs SET state = 'open', address_id = o.address_id,"
    f" opened_at = CAST(:now AS BIGINT) FROM {_ASKED} AND dialogs.member_id = o.member_id"
    " AND dialogs.round_id = o.round_id AND dialogs.question = o.question"
    " AND dialogs.state = 'asked'"
)
_BEGIN = sql_among(
    "INSERT INTO dialogs (member_id, round_id, address_id, question, state, opened_at)"
    " SELECT o.member_id, o.round_id, o.address_id, o.question, 'open', CAST(:now AS BIGINT)"
    f" FROM {_ASKED} ORDER BY o.id ON CONFLICT (member_id, round_id) DO NOTHING"
)
_STATE = sql(
    "SELECT state, question FROM dialogs WHERE member_id = :member_id AND round_id = :round_id"
)
_END_SOME = sql(
    "DELETE FROM dialogs WHERE round_id = :round_id AND member_id IN"
    " (SELECT member_id FROM dialogs WHERE round_id = :round_id LIMIT :most)"
)
_ENDED = sql(
    "SELECT r.id FROM rounds r WHERE r.state = 'closed' AND r.closed_at > :since"
    " AND EXISTS (SELECT 1 FROM dialogs d WHERE d.round_id = r.id) ORDER BY r.id"
)
_END_MEMBER = sql("DELETE FROM dialogs WHERE member_id = :member_id")


async def put(
    tx: Tx,
    member_id: int,
    round_id: int,
    *,
    address_id: int,
    question: int,
    state: State,
    tries: int,
    opened_at: int,
    answered_at: int = 0,
    scratch: str = "",
) -> None:
    """Say where a member stands in a round. Instants in ms, 0 for not yet."""
    await tx.post(
        _PUT, member_id=member_id, round_id=round_id, address_id=address_id, question=question,
        state=state, tries=tries, opened_at=opened_at, answered_at=answered_at,
        scratch=scratch,
    )  # fmt: skip


async def opened(tx: Tx, rows: list[int], now: int) -> None:
    """Open the questions that these outbox rows carry, if any."""
    ids = json.dumps(rows)
    await tx.post(_OPEN[tx.engine], ids=ids, now=now)
    await tx.post(_BEGIN[tx.engine], ids=ids, now=now)


async def state(tx: Tx, member_id: int, round_id: int) -> tuple[State, int] | None:
    """Return a member's state and question in a round, if they were asked."""
    row = await tx.row(_STATE, member_id=member_id, round_id=round_id)
    return (row[0], int(row[1])) if row else None


async def end_some(tx: Tx, round_id: int, most: int) -> int:
    """Forget where so many stood in a round that closes or has closed; return how many."""
    return await tx.run(_END_SOME, round_id=round_id, most=most)


async def ended(tx: Tx, since: int) -> list[int]:
    """Return rounds, closed since an instant, in which it is kept where somebody stood."""
    return [int(row[0]) for row in await tx.rows(_ENDED, since=since)]


async def end_member(tx: Tx, member_id: int) -> None:
    """Forget where one person stood in any round."""
    await tx.post(_END_MEMBER, member_id=member_id)
