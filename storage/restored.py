"""What a restored database says is waiting: held, before any server sees it. See `releasing`.

Since the copy was made messages have left, and buttons have gone out, that it knows nothing of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage import audit
from storage.database import sql
from storage.instant import DAY

if TYPE_CHECKING:
    from storage.database import Engine, Tx

REASON = "restored"
# How far ahead an instant lies that never comes: what is due so waits for ever.
NEVER = 100_000 * DAY
YEARS = 3 * 365 * DAY
# Numbers that were given since the copy stand in buttons and at providers: none comes again.
GIVEN_SINCE = 1_000
SENT_SINCE = 1_000_000_000

_EXPIRE = sql(
    "UPDATE outbox SET status = 'expired', settled_at = :now, recipient = ''"
    " WHERE status IN ('queued', 'held') AND expires_at <= :now"
)
# Held for its time to live: then it is found, and ended, as whatever else is held.
_HOLD = sql(
    f"UPDATE outbox SET status = 'held', reason = '{REASON}', until_at = expires_at"
    " WHERE status IN ('queued', 'held')"
)
# It may have left. What was given up on before, years ahead, stays as it is.
_DOUBT = sql(
    f"UPDATE outbox SET status = 'unknown', reason = '{REASON}', until_at = :never"
    " WHERE status IN ('sending', 'unknown')"
    f" AND (until_at < CAST(:years AS BIGINT) OR reason = '{REASON}')"
)
_HOLD_BATCHES = sql(
    "UPDATE batches SET due_at = due_at + :never WHERE state IN ('scheduled', 'queueing')"
    " AND due_at < :never"
)
_HELD_BATCHES = sql(
    "SELECT COUNT(*) FROM batches WHERE state IN ('scheduled', 'queueing') AND due_at >= :never"
)
_FORGET_PENDING = sql("DELETE FROM pending")
# Two tables whose numbers are never given anew, not even those of rows that are gone.
_COUNT_ON: dict[Engine, str] = {
    "sqlite": sql(
        "UPDATE sqlite_sequence SET seq = seq + :more WHERE name IN ('outbox', 'pending')",
        "sqlite",
    ),
    "postgresql": sql(
        "SELECT setval(pg_get_serial_sequence(t.name, 'id'), COALESCE((SELECT s.last_value"
        " FROM pg_sequences s WHERE s.schemaname = current_schema()"
        " AND s.sequencename = t.name || '_id_seq'), 0) + CAST(:more AS BIGINT))"
        " FROM (VALUES ('outbox'), ('pending')) t(name)",
        "postgresql",
    ),
}
_COUNT_FROM = sql(
    "INSERT INTO sqlite_sequence (name, seq) SELECT t.name, :more FROM sqlite_master t"
    " WHERE t.name IN ('outbox', 'pending')"
    " AND t.name NOT IN (SELECT s.name FROM sqlite_sequence s)",
    "sqlite",
)
# A round that nobody is asked in, so that the next one's number is none of a button's.
_PASS_ROUNDS = sql(
    "INSERT INTO rounds (id, code, form_id, state, opened_at, closed_at)"
    " SELECT r.id + :more, 'restored ' || (r.id + :more), r.form_id, 'closed',"
    " CAST(:now AS BIGINT), CAST(:now AS BIGINT)"
    " FROM rounds r ORDER BY r.id DESC LIMIT 1"
)
_COUNT_ROUNDS_ON = sql(
    "SELECT setval(pg_get_serial_sequence('rounds', 'id'), MAX(id)) FROM rounds", "postgresql"
)
_CONTENTS = sql(
    "SELECT (SELECT COUNT(*) FROM members WHERE state = 'member'),"
    " (SELECT COUNT(*) FROM outbox) + (SELECT COUNT(*) FROM inbound),"
    " (SELECT MAX(x.at) FROM (SELECT COALESCE(MAX(queued_at), 0) AS at FROM outbox"
    " UNION ALL SELECT COALESCE(MAX(at), 0) FROM inbound"
    " UNION ALL SELECT COALESCE(MAX(at), 0) FROM audit) x)"
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds: members, messages in and out, the instant of its newest row (ms)."""

    members: int
    messages: int
    newest_at: int


@dataclass(frozen=True, slots=True)
class Held:
    """What waits in it: `held` and `unknown` messages, `batches` not queued to all yet."""

    held: int
    unknown: int
    batches: int


async def contents(tx: Tx) -> Contents:
    """Return what a database holds."""
    return Contents(*await tx.row(_CONTENTS))  # type: ignore[misc]


async def hold(tx: Tx, now: int) -> Held:
    """Let nothing leave of what a restored database says is waiting, and give no number anew.

    What is past its time to live is ended; what may have left is unknown, until it can be
    looked up. A confirmation that somebody was asked for may have been given since.
    """
    await tx.post(_EXPIRE, now=now)
    await tx.post(_HOLD_BATCHES, never=NEVER)
    [[batches]] = await tx.rows(_HELD_BATCHES, never=NEVER)
    found = Held(
        held=await tx.run(_HOLD),
        unknown=await tx.run(_DOUBT, never=NEVER, years=now + YEARS),
        batches=int(batches),
    )
    await tx.post(_FORGET_PENDING)
    await _count_on(tx, now)
    await audit.add(tx, "restore", "outbox", 0, now, count=found.held)
    return found


async def _count_on(tx: Tx, now: int) -> None:
    """Pass over the numbers that may have been given since."""
    await tx.run(_COUNT_ON[tx.engine], more=SENT_SINCE)
    if tx.engine == "sqlite":
        await tx.run(_COUNT_FROM, more=SENT_SINCE)
    await tx.run(_PASS_ROUNDS, more=GIVEN_SINCE, now=now)
    if tx.engine == "postgresql":
        await tx.run(_COUNT_ROUNDS_ON)
