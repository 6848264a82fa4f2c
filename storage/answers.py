"""Answers: one for each member and question of a round, whichever phone it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Tx

_PUT = sql(
    "INSERT INTO answers (round_id, member_id, question, value, at)"
    " VALUES (:round_id, :member_id, :question, :value, :now)"
    " ON CONFLICT (round_id, member_id, question)"
    " DO UPDATE SET value = excluded.value, at = excluded.at"
)
_OF = sql(
    "SELECT question, value FROM answers WHERE round_id = :round_id AND member_id = :member_id"
)
_COUNTS = sql(
    "SELECT question, value, COUNT(*) FROM answers WHERE round_id = :round_id GROUP BY 1, 2"
)
_GROUPS = sql(
    "SELECT m.sector, a.question, a.value, COUNT(*) FROM answers a"
    " JOIN members m ON m.id = a.member_id WHERE a.round_id = :round_id GROUP BY 1, 2, 3"
)
_KEEP_WHO = sql(
    "INSERT INTO respondents (round_id, member_id)"
    " SELECT DISTINCT a.round_id, a.member_id FROM answers a WHERE a.round_id = :round_id"
    " ON CONFLICT DO NOTHING"
)
_FORGET = sql("DELETE FROM answers WHERE round_id = :round_id")
_WITHDRAW_ONE = sql(
    "DELETE FROM answers WHERE round_id = :round_id AND member_id = :member_id"
    " AND question = :question"
)


async def put(tx: Tx, round_id: int, member_id: int, question: int, value: str, now: int) -> None:
    """Keep a member's answer; a second one changes the first."""
    await tx.post(
        _PUT, round_id=round_id, member_id=member_id, question=question, value=value, now=now
    )


async def of(tx: Tx, round_id: int, member_id: int) -> dict[int, str]:
    """Return a member's answers in a round, by question."""
    rows = await tx.rows(_OF, round_id=round_id, member_id=member_id)
    return {int(row[0]): str(row[1]) for row in rows}


async def counts(tx: Tx, round_id: int) -> dict[int, dict[str, int]]:
    """Return how many gave each value, by question."""
    found: dict[int, dict[str, int]] = {}
    for question, value, count in await tx.rows(_COUNTS, round_id=round_id):
        found.setdefault(int(question), {})[str(value)] = int(count)
    return found


async def by_sector(tx: Tx, round_id: int) -> dict[str, dict[int, dict[str, int]]]:
    """Return how many of each sector gave each value, by question."""
    found: dict[str, dict[int, dict[str, int]]] = {}
    for sector, question, value, count in await tx.rows(_GROUPS, round_id=round_id):
        found.setdefault(str(sector), {}).setdefault(int(question), {})[str(value)] = int(count)
    return found


async def keep_who(tx: Tx, round_id: int) -> None:
    """Keep who answered, without what and when."""
    await tx.post(_KEEP_WHO, round_id=round_id)


async def forget(tx: Tx, round_id: int) -> None:
    """Delete every answer of a round."""
    await tx.post(_FORGET, round_id=round_id)


async def withdraw_one(tx: Tx, round_id: int, member_id: int, question: int) -> None:
    """Take one answer back: the member skips the question after all."""
    await tx.post(_WITHDRAW_ONE, round_id=round_id, member_id=member_id, question=question)
