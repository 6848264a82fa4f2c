"""Batches: one telling or asking of many; `recipients` says whom it is for, and queues them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from storage import rounds
from storage.database import GATE, sql
from storage.errors import NotFound

if TYPE_CHECKING:
    from storage.database import Row, Tx

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
_LATEST = sql(
    f"SELECT {_COLUMNS} FROM batches WHERE created_by = :member_id ORDER BY id DESC LIMIT 1"
)
_DUE = sql(
    f"SELECT {_COLUMNS} FROM batches WHERE state IN ('scheduled', 'queueing')"
    " AND due_at <= :now ORDER BY due_at, id LIMIT 1"
)
_HALT = sql("UPDATE batches SET state = 'halted' WHERE id = :id AND state <> 'halted'")
_EXTEND = sql("UPDATE batches SET texts = :texts, expires_at = :expires_at WHERE id = :id")

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


async def named(tx: Tx, name: str) -> Batch:
    """Return the batch with a number, or that asked the poll with a code. Raises NotFound."""
    if name.isascii() and name.isdigit():
        return await by_id(tx, int(name[:30]))
    round_ = await rounds.by_code(tx, name)
    found = await of_round(tx, round_.id)
    if found is None:
        raise NotFound(f"{round_.code} was never sent to many")
    return found


async def latest(tx: Tx, member_id: int) -> Batch | None:
    """Return the batch that a member began last, if any."""
    row = await tx.row(_LATEST, member_id=member_id)
    return _batch(row) if row else None


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
