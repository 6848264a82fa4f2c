"""Letting go what a restore holds, in chunks so that replies pass between; or ending it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.database import OUTBOX, sql, sql_chosen
from storage.restored import NEVER, REASON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.batches import Batch
    from storage.database import Tx

REPLIES = 0  # what a restore holds of no batch


@dataclass(frozen=True, slots=True)
class Waiting:
    """Held messages that say the same: `people` of them. `text` is a reply's own.

    `batch_id` is None for replies.
    """

    batch_id: int | None
    kind: int
    channel: str
    language: str
    introduced: bool
    round_id: int | None
    question: int | None
    text: str
    people: int


_HELD = f"status = 'held' AND reason = '{REASON}'"
_DOUBTED = f"status = 'unknown' AND reason = '{REASON}'"
_OF = "(CAST(:batch_id AS BIGINT) IS NULL OR COALESCE(batch_id, 0) = :batch_id)"

_WAITING = sql(
    "SELECT o.batch_id, o.kind, o.channel, COALESCE(m.language, o.language),"
    " COALESCE(m.introduced, TRUE), CASE WHEN o.kind = 0 THEN NULL ELSE o.round_id END,"
    " CASE WHEN o.kind = 0 THEN NULL ELSE o.question END, o.text, COUNT(*)"
    " FROM outbox o LEFT JOIN members m ON m.id = o.member_id"
    f" WHERE o.status = 'held' AND o.reason = '{REASON}' AND o.expires_at > :now"
    " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 3, 4, 5, 8"
)
_COUNT = sql(
    f"SELECT (SELECT COUNT(*) FROM outbox WHERE {_HELD} AND expires_at > :now),"
    f" (SELECT COUNT(*) FROM outbox WHERE {_DOUBTED}),"
    " (SELECT COUNT(*) FROM batches WHERE state IN ('scheduled', 'queueing')"
    " AND due_at >= :never)"
)
_BATCHES = sql(
    "SELECT id FROM batches WHERE state IN ('scheduled', 'queueing') AND due_at >= :never"
    " ORDER BY id"
)
_RELEASE = sql_chosen(
    "UPDATE outbox SET status = 'queued', until_at = 0, reason = '' WHERE id IN ["
    f"SELECT id FROM outbox WHERE {_HELD} AND expires_at > :now AND {_OF} LIMIT :most]"
)
_DISCARD = sql_chosen(
    "UPDATE outbox SET status = 'cancelled', settled_at = :now, recipient = '' WHERE id IN ["
    f"SELECT id FROM outbox WHERE {_HELD} AND {_OF} LIMIT :most]"
)
_RELEASE_BATCHES = sql(
    "UPDATE batches SET due_at = due_at - :never,"
    " state = CASE WHEN expires_at <= :now THEN 'halted'"
    " WHEN due_at - :never > :now THEN 'scheduled' ELSE 'queueing' END"
    " WHERE state IN ('scheduled', 'queueing') AND due_at >= :never"
    " AND (CAST(:batch_id AS BIGINT) IS NULL OR id = :batch_id)"
)
_HALT_BATCHES = sql(
    "UPDATE batches SET due_at = due_at - :never, state = 'halted'"
    " WHERE state IN ('scheduled', 'queueing') AND due_at >= :never"
    " AND (CAST(:batch_id AS BIGINT) IS NULL OR id = :batch_id)"
)
_LOOK_UP = sql(
    f"UPDATE outbox SET until_at = :now, reason = '' WHERE {_DOUBTED}"
    f" AND channel = :channel AND {_OF}"
)
_GIVE_UP = sql(f"UPDATE outbox SET reason = '', recipient = '' WHERE {_DOUBTED} AND {_OF}")


def is_held(batch: Batch) -> bool:
    """Tell whether a restore keeps a batch from being queued to those it has still to reach."""
    return batch.due_at >= NEVER


async def waiting(tx: Tx, now: int) -> list[Waiting]:
    """Return what is held and still within its time to live, by broadcast."""
    return [
        Waiting(row[0], row[1], row[2], row[3], bool(row[4]), *tuple(row)[5:])
        for row in await tx.rows(_WAITING, now=now)
    ]


async def count(tx: Tx, now: int) -> tuple[int, int, int]:
    """Return how many messages are held, how many may have left, and batches not queued to all."""
    row = await tx.row(_COUNT, now=now, never=NEVER)
    return (int(row[0]), int(row[1]), int(row[2]))  # type: ignore[index]


async def held_batches(tx: Tx) -> list[int]:
    """Return the numbers of batches that have still somebody to reach."""
    return [int(row[0]) for row in await tx.rows(_BATCHES, never=NEVER)]


async def release(tx: Tx, batch_id: int | None, now: int, most: int) -> int:
    """Queue what is held of a batch, of REPLIES or, with None, of all; return how many."""
    await tx.notify(OUTBOX)
    return await tx.run(_RELEASE[tx.engine], batch_id=batch_id, now=now, most=most)


async def release_rest(tx: Tx, batch_id: int | None, findable: Iterable[str], now: int) -> int:
    """Let batches go on where they stopped, and what may have left be looked up.

    Nothing is sent again that may have left by a channel that can't be asked: it stays
    unknown. Returns how many batches go on; one whose time to live is over does not.
    """
    for channel in findable:
        await tx.post(_LOOK_UP, channel=channel, batch_id=batch_id, now=now)
    await tx.post(_GIVE_UP, batch_id=batch_id)
    return await tx.run(_RELEASE_BATCHES, batch_id=batch_id, now=now, never=NEVER)


async def discard(tx: Tx, batch_id: int | None, now: int, most: int) -> int:
    """End what is held of a batch, of REPLIES or, with None, of all; return how many."""
    return await tx.run(_DISCARD[tx.engine], batch_id=batch_id, now=now, most=most)


async def discard_rest(tx: Tx, batch_id: int | None) -> int:
    """Halt held batches, and leave unknown what may have left; return how many are halted."""
    await tx.post(_GIVE_UP, batch_id=batch_id)
    return await tx.run(_HALT_BATCHES, batch_id=batch_id, never=NEVER)
