"""Pace and spending of the channels: when the next message may leave, what this month cost.

Instants here are microseconds of one clock: the database's on PostgreSQL, which many processes
share, and on SQLite the one that its only sender hands in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Engine, Tx

# What stretches may lie ahead: beyond, the clock was set back, and what it said counts no more.
FURTHEST_US = 60_000_000
FURTHEST_STRETCHES = 64

_NOW: dict[Engine, str] = {
    "sqlite": "CAST(:now_us AS BIGINT)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
}
_MAX: dict[Engine, str] = {"sqlite": "MAX", "postgresql": "GREATEST"}
# From where a stretch may begin: shortly, or once the provider's pause is over.
_FROM = (
    "{max}({now} + CAST(:lead_us AS BIGINT), COALESCE((SELECT p.next_us FROM pace p"
    " WHERE p.channel = CAST(:pause AS TEXT)), 0))"
)
_RESERVE_TEXT = (
    "INSERT INTO pace (channel, next_us) VALUES (:channel, {from} + CAST(:length_us AS BIGINT))"
    " ON CONFLICT (channel) DO UPDATE SET next_us = CAST(:length_us AS BIGINT) +"
    " CASE WHEN pace.next_us BETWEEN {from} AND {from} + CAST(:furthest_us AS BIGINT)"
    " THEN pace.next_us ELSE {from} END RETURNING next_us - CAST(:length_us AS BIGINT) - {now}"
)
_PAUSE_TEXT = (
    "INSERT INTO pace (channel, next_us) VALUES (:pause, {now} + CAST(:wait_us AS BIGINT))"
    " ON CONFLICT (channel) DO UPDATE SET next_us = {max}(pace.next_us, excluded.next_us)"
)


def _of_each(text: str) -> dict[Engine, str]:
    """Register a statement of which each engine has its own clock."""
    found: dict[Engine, str] = {}
    for engine, now in _NOW.items():
        own = text.replace("{from}", _FROM).replace("{now}", now).replace("{max}", _MAX[engine])
        found[engine] = sql(own, engine)
    return found


_RESERVE = _of_each(_RESERVE_TEXT)
_PAUSE = _of_each(_PAUSE_TEXT)
_SPEND = sql(
    "INSERT INTO spending (channel, month_at, segments)"
    " VALUES (:channel, :month_at, CAST(:segments AS BIGINT))"
    " ON CONFLICT (channel, month_at) DO UPDATE SET"
    " segments = spending.segments + CAST(:segments AS BIGINT)"
)
_SPENT = sql(
    "SELECT CAST(COALESCE(SUM(segments), 0) AS BIGINT) FROM spending WHERE month_at = :month_at"
)


async def reserve(tx: Tx, channel: str, length_us: int, *, lead_us: int, now_us: int) -> int:
    """Reserve a stretch of a channel's time; return how far from now it begins.

    It follows the one reserved before, whoever did, and begins no sooner than `lead_us` from
    now. Only SQLite goes by `now_us`.
    """
    values = _clocked(tx, now_us) | {
        "channel": channel, "pause": _pause_of(channel), "length_us": length_us,
        "lead_us": lead_us, "furthest_us": FURTHEST_US + FURTHEST_STRETCHES * length_us,
    }  # fmt: skip
    row = await tx.row(_RESERVE[tx.engine], **values)
    return int(row[0])  # type: ignore[index]


async def pause(tx: Tx, channel: str, wait_us: int, *, now_us: int) -> None:
    """Let nothing leave on a channel for so long; a longer pause is not cut short."""
    values = _clocked(tx, now_us) | {"pause": _pause_of(channel), "wait_us": wait_us}
    await tx.post(_PAUSE[tx.engine], **values)


def _clocked(tx: Tx, now_us: int) -> dict[str, int | str]:
    """Return the present instant for the engine that has no clock of its own."""
    return {"now_us": now_us} if tx.engine == "sqlite" else {}


def _pause_of(channel: str) -> str:
    """Return where a channel's pause stands: no channel's name holds a blank."""
    return f"{channel} pause"


async def spend(tx: Tx, channel: str, month_at: int, segments: int) -> None:
    """Count segments against a month; negative gives them back."""
    await tx.post(_SPEND, channel=channel, month_at=month_at, segments=segments)


async def spent(tx: Tx, month_at: int) -> int:
    """Return the segments a month has cost on all channels that count them."""
    row = await tx.row(_SPENT, month_at=month_at)
    return int(row[0])  # type: ignore[index]
