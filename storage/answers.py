"""Answers: one for each member and question of a round, whichever phone it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from storage.database import sql

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.database import Row, Tx

# What a round's figures can be broken down by: something its members said of themselves.
Breakdown = Literal["sector", "type"]
BREAKDOWNS: tuple[Breakdown, ...] = ("sector", "type")

# How many gave each value, by question and value.
Counts = dict[int, dict[str, int]]

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
    "SELECT question, value, COUNT(*) FROM answers WHERE round_id = :round_id"
    " AND member_id > :after AND member_id <= :last GROUP BY 1, 2"
)
_GROUPS = {
    field: sql(
        f"SELECT a.question, a.value, COUNT(*), m.{field} FROM answers a"
        " JOIN members m ON m.id = a.member_id WHERE a.round_id = :round_id"
        " AND a.member_id > :after AND a.member_id <= :last GROUP BY 1, 2, 4"
    )
    for field in BREAKDOWNS
}
# SQLite sorts to group, and is twice as fast with so few at once; PostgreSQL needs no sorting.
_AT_ONCE = 2_000
_EVERYBODY = 2**63 - 1
_END = sql(
    "SELECT member_id FROM answers WHERE round_id = :round_id AND member_id > :after"
    " ORDER BY member_id LIMIT 1 OFFSET :most",
    "sqlite",
)
_KEEP_WHO = sql(
    "INSERT INTO respondents (round_id, member_id)"
    " SELECT DISTINCT a.round_id, a.member_id FROM answers a WHERE a.round_id = :round_id"
    " ON CONFLICT DO NOTHING"
)
_NAMED = sql(
    "SELECT m.alias, a.value FROM answers a JOIN members m ON m.id = a.member_id"
    " WHERE a.round_id = :round_id AND a.question = :question AND m.alias <> ''"
    " ORDER BY a.member_id LIMIT :most"
)
_PEOPLE = sql("SELECT COUNT(DISTINCT member_id) FROM answers WHERE round_id = :round_id")
_FORGET = sql("DELETE FROM answers WHERE round_id = :round_id")
_WITHDRAW = sql(
    "DELETE FROM answers WHERE member_id = :member_id"
    " AND round_id IN (SELECT id FROM rounds WHERE state = 'open')"
)
_WITHDRAW_ONE = sql(
    "DELETE FROM answers WHERE round_id = :round_id AND member_id = :member_id"
    " AND question = :question"
)

_OPEN_OF = sql(
    "SELECT r.code FROM rounds r WHERE r.state = 'open' AND r.closes_at > 0 AND EXISTS (SELECT 1"
    " FROM answers a WHERE a.round_id = r.id AND a.member_id = :member_id)"
    " ORDER BY r.closes_at, r.id LIMIT :most"
)


async def open_of(tx: Tx, member_id: int, most: int) -> list[str]:
    """Return the codes of the open rounds that hold answers of a member, the soonest first."""
    return [str(row[0]) for row in await tx.rows(_OPEN_OF, member_id=member_id, most=most)]


async def put(tx: Tx, round_id: int, member_id: int, question: int, value: str, now: int) -> None:
    """Keep a member's answer; a second one changes the first."""
    await tx.post(
        _PUT, round_id=round_id, member_id=member_id, question=question, value=value, now=now
    )


async def of(tx: Tx, round_id: int, member_id: int) -> dict[int, str]:
    """Return a member's answers in a round, by question."""
    rows = await tx.rows(_OF, round_id=round_id, member_id=member_id)
    return {int(row[0]): str(row[1]) for row in rows}


async def _tally(tx: Tx, statement: str, round_id: int) -> AsyncIterator[Row]:
    """Yield the rows of a count, several for one value where it is counted in parts."""
    last = 0
    while last < _EVERYBODY:
        after, last = last, _EVERYBODY
        if tx.engine == "sqlite":
            end = await tx.row(_END, round_id=round_id, after=after, most=_AT_ONCE)
            last = int(end[0]) if end else _EVERYBODY
        for row in await tx.rows(statement, round_id=round_id, after=after, last=last):
            yield row


def _add(counts: Counts, row: Row) -> None:
    of_question = counts.setdefault(int(row[0]), {})
    of_question[str(row[1])] = of_question.get(str(row[1]), 0) + int(row[2])


async def counts(tx: Tx, round_id: int) -> Counts:
    """Return how many gave each value, by question."""
    found: Counts = {}
    async for row in _tally(tx, _COUNTS, round_id):
        _add(found, row)
    return found


async def by_group(tx: Tx, round_id: int, breakdown: Breakdown) -> dict[str, Counts]:
    """Return how many of each group gave each value, by question; "" is who has not said."""
    found: dict[str, Counts] = {}
    async for row in _tally(tx, _GROUPS[breakdown], round_id):
        _add(found.setdefault(str(row[3]), {}), row)
    return found


async def named(tx: Tx, round_id: int, question: int, most: int) -> list[tuple[str, str]]:
    """Return (alias, value) of some who answered a question, the oldest members first."""
    rows = await tx.rows(_NAMED, round_id=round_id, question=question, most=most)
    return [(str(row[0]), str(row[1])) for row in rows]


async def people(tx: Tx, round_id: int) -> int:
    """Return how many have answered anything of a round that is open."""
    row = await tx.row(_PEOPLE, round_id=round_id)
    return int(row[0])  # type: ignore[index]


async def keep_who(tx: Tx, round_id: int) -> None:
    """Keep who answered, without what and when."""
    await tx.post(_KEEP_WHO, round_id=round_id)


async def forget(tx: Tx, round_id: int) -> None:
    """Delete every answer of a round."""
    await tx.post(_FORGET, round_id=round_id)


async def withdraw(tx: Tx, member_id: int) -> None:
    """Take all that a member answered in open rounds back; what closed ones counted stays."""
    await tx.post(_WITHDRAW, member_id=member_id)


async def withdraw_one(tx: Tx, round_id: int, member_id: int, question: int) -> None:
    """Take one answer back: the member skips the question after all."""
    await tx.post(_WITHDRAW_ONE, round_id=round_id, member_id=member_id, question=question)
