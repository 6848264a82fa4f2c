"""Rounds: one asking of a form to an audience, with its open and close and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.database import sql
from storage.errors import NotFound

if TYPE_CHECKING:
    from storage.answers import Breakdown
    from storage.database import Row, Tx


@dataclass(frozen=True, slots=True)
class Round:
    """One round. Instants in ms; `closes_at` 0 means never.

    `result` is what was last shown while it is open, "" for nothing yet. Figures by group, once
    it has closed, are by `breakdown`.
    """

    id: int
    code: str
    form_id: int
    platform_id: int | None
    audience: str
    state: str
    opened_at: int
    closes_at: int
    closed_at: int
    result: str
    breakdown: Breakdown
    created_by: int | None


_COLUMNS = (
    "id, code, form_id, platform_id, audience, state, opened_at, closes_at, closed_at, result,"
    " breakdown, created_by"
)
_ADD = sql(
    "INSERT INTO rounds (code, form_id, platform_id, audience, breakdown, opened_at, closes_at,"
    " created_by) VALUES (:code, :form_id, :platform_id, :audience, :breakdown, :now, :closes_at,"
    " :by) RETURNING id"
)
_CODE = sql("UPDATE rounds SET code = :code WHERE id = :id")
_BY_ID = sql(f"SELECT {_COLUMNS} FROM rounds WHERE id = :id")
_BY_CODE = sql(f"SELECT {_COLUMNS} FROM rounds WHERE code = :code")
_EXTEND = sql("UPDATE rounds SET closes_at = :closes_at WHERE id = :id AND state = 'open'")
_SHOW = sql("UPDATE rounds SET result = :result WHERE id = :id AND state = 'open'")
_CLOSE = sql(
    "UPDATE rounds SET state = 'closed', closed_at = :now, result = :result"
    " WHERE id = :id AND state = 'open'"
)
_IS_OPEN = sql("SELECT 1 FROM rounds WHERE id = :id AND state = 'open'")
_PUT_FORM = sql("UPDATE rounds SET form_id = :form_id WHERE id = :id")
_DUE = sql(
    "SELECT id FROM rounds WHERE state = 'open' AND closes_at > 0 AND closes_at <= :now"
    " ORDER BY closes_at LIMIT 100"
)
# Open polls that a member was asked, or belongs to the audience of: the caller decides.
_OPEN = sql(
    f"SELECT {_COLUMNS} FROM rounds WHERE state = 'open' AND closes_at > :now"
    " ORDER BY closes_at, id LIMIT :most"
)
# A closed round that a member was asked or has answered, the latest closed first.
_LATELY = sql(
    f"SELECT {_COLUMNS} FROM rounds WHERE state = 'closed' AND closed_at > :since AND (id IN ("
    "SELECT o.round_id FROM outbox o WHERE o.member_id = :member_id AND o.kind = 1"
    " AND o.sent_at > 0 AND o.question IS NOT NULL) OR EXISTS (SELECT 1 FROM respondents w"
    " WHERE w.round_id = rounds.id AND w.member_id = :member_id))"
    " ORDER BY closed_at DESC LIMIT 1"
)


def _round(row: Row) -> Round:
    return Round(*row)


async def add(
    tx: Tx,
    *,
    form_id: int,
    platform_id: int | None,
    audience: str,
    closes_at: int,
    by: int | None,
    now: int,
    code: str = "",
    breakdown: Breakdown = "sector",
) -> Round:
    """Open a round. Without a `code` it gets P and its number, easy to type on a keypad."""
    row = await tx.row(
        _ADD, code=code or f"new {now} {form_id}", form_id=form_id, platform_id=platform_id,
        audience=audience, breakdown=breakdown, closes_at=closes_at, by=by, now=now,
    )  # fmt: skip
    round_id = int(row[0])  # type: ignore[index]
    if not code:
        await tx.run(_CODE, id=round_id, code=f"P{round_id}")
    return await by_id(tx, round_id)


async def by_id(tx: Tx, round_id: int) -> Round:
    """Return a round; the id comes from a row that refers to it, so it is there."""
    return _round(await tx.row(_BY_ID, id=round_id))


async def by_code(tx: Tx, code: str) -> Round:
    """Return the round with a code, case aside. Raises NotFound."""
    found = await find(tx, code)
    if found is None:
        raise NotFound(f"there is no poll {code.upper()!r}")
    return found


async def find(tx: Tx, code: str) -> Round | None:
    """Return the round with a code, case aside, if there is one."""
    row = await tx.row(_BY_CODE, code=code.strip().upper())
    return _round(row) if row else None


async def extend(tx: Tx, round_id: int, closes_at: int) -> bool:
    """Let a round close at another instant; False when it is closed."""
    return bool(await tx.run(_EXTEND, id=round_id, closes_at=closes_at))


async def show(tx: Tx, round_id: int, result: str) -> None:
    """Keep what was last shown of a round that is open."""
    await tx.post(_SHOW, id=round_id, result=result)


async def close(tx: Tx, round_id: int, result: str, now: int) -> bool:
    """Close a round for good with its result (JSON); False when it was closed."""
    return bool(await tx.run(_CLOSE, id=round_id, result=result, now=now))


async def hold(tx: Tx, round_id: int, *, alone: bool = False) -> bool:
    """Keep a round, read as open, from closing before this unit ends; False if it has closed.

    Whoever holds it `alone` is about to close it: nobody answers meanwhile.
    """
    if not await tx.lock("round", round_id, shared=not alone):
        return True
    return bool(await tx.rows(_IS_OPEN, id=round_id))


async def put_form(tx: Tx, round_id: int, form_id: int) -> None:
    """Let a standing round ask a newer version of its form."""
    await tx.run(_PUT_FORM, id=round_id, form_id=form_id)


async def due(tx: Tx, now: int) -> list[int]:
    """Return the ids of open rounds whose time is over, the oldest first."""
    return [int(row[0]) for row in await tx.rows(_DUE, now=now)]


async def open_now(tx: Tx, now: int, most: int) -> list[Round]:
    """Return rounds that are open and will close, the soonest first."""
    return [_round(row) for row in await tx.rows(_OPEN, now=now, most=most)]


async def closed_lately(tx: Tx, member_id: int, since: int) -> Round | None:
    """Return the round a member took part in that closed last, if since an instant."""
    row = await tx.row(_LATELY, member_id=member_id, since=since)
    return _round(row) if row else None
