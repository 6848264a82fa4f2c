"""Pace and spending of the channels: when the next message may leave, what this month cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.database import sql

if TYPE_CHECKING:
    from storage.database import Tx

_RESERVE = sql(
    "INSERT INTO pace (channel, next_us)"
    " VALUES (:channel, CAST(:now_us AS BIGINT) + CAST(:cost_us AS BIGINT))"
    " ON CONFLICT (channel) DO UPDATE SET next_us = CASE WHEN pace.next_us < :now_us"
    " THEN CAST(:now_us AS BIGINT) ELSE pace.next_us END + CAST(:cost_us AS BIGINT)"
    " RETURNING next_us"
)
_PAUSE = sql(
    "INSERT INTO pace (channel, next_us) VALUES (:channel, :until_us)"
    " ON CONFLICT (channel) DO UPDATE SET next_us = CASE WHEN pace.next_us < excluded.next_us"
    " THEN excluded.next_us ELSE pace.next_us END"
)
_NEXT = sql("SELECT next_us FROM pace WHERE channel = :channel")
_SPEND = sql(
    "INSERT INTO spending (channel, month_at, segments)"
    " VALUES (:channel, :month_at, CAST(:segments AS BIGINT))"
    " ON CONFLICT (channel, month_at) DO UPDATE SET"
    " segments = spending.segments + CAST(:segments AS BIGINT)"
)
_SPENT = sql(
    "SELECT CAST(COALESCE(SUM(segments), 0) AS BIGINT) FROM spending WHERE month_at = :month_at"
)


async def reserve(tx: Tx, channel: str, now_us: int, cost_us: int) -> int:
    """Reserve `cost_us` of a channel's time and return where it begins (microseconds)."""
    row = await tx.row(_RESERVE, channel=channel, now_us=now_us, cost_us=cost_us)
    return int(row[0]) - cost_us  # type: ignore[index]


async def pause(tx: Tx, channel: str, until_us: int) -> None:
    """Let nothing leave on a channel before an instant (microseconds)."""
    await tx.post(_PAUSE, channel=channel, until_us=until_us)


async def next_us(tx: Tx, channel: str) -> int:
    """Return the instant (microseconds) from which a channel is free."""
    row = await tx.row(_NEXT, channel=channel)
    return int(row[0]) if row else 0


async def spend(tx: Tx, channel: str, month_at: int, segments: int) -> None:
    """Count segments against a month; negative gives them back."""
    await tx.post(_SPEND, channel=channel, month_at=month_at, segments=segments)


async def spent(tx: Tx, month_at: int) -> int:
    """Return the segments a month has cost on all channels that count them."""
    row = await tx.row(_SPENT, month_at=month_at)
    return int(row[0])  # type: ignore[index]
